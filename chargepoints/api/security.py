"""What keeps a charge point's connection safe: its certificates, its password, its security profile."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.api.commands import WAIT, CommandSerializer, StationCommandViewSet
from chargepoints.models import InstalledCertificate, SecurityProfile, StationCertificate
from chargepoints.services.certificates import AlreadyRevoked, ask_for_request, revoke_certificate
from chargepoints.services.commands import StationOffline
from chargepoints.services.password_rotation import RotationRefused, rotate_password
from chargepoints.services.pem import LONGEST_CERTIFICATE, InvalidCertificate
from chargepoints.services.root_certificates import ask_installed, delete_root, hash_data_of, install_root
from chargepoints.services.security_profiles import ProfileRefused, lower_profile, raise_profile
from tenants.api.exceptions import Conflict
from tenants.api.serializers import StrictSerializer
from tenants.models import Role

HEX = r"^[0-9A-Fa-f]+$"


class HashData(StrictSerializer):
    """CertificateHashData (Security Whitepaper §6.3)."""

    hashAlgorithm = serializers.ChoiceField(["SHA256", "SHA384", "SHA512"])
    issuerNameHash = serializers.RegexField(HEX, max_length=128)
    issuerKeyHash = serializers.RegexField(HEX, max_length=128)
    serialNumber = serializers.RegexField(HEX, max_length=40)


class InstallCertificate(StrictSerializer):
    certificateType = serializers.ChoiceField(InstalledCertificate.Type.choices)
    certificate = serializers.CharField(max_length=LONGEST_CERTIFICATE, help_text="PEM of one CA certificate.")


class DeleteCertificate(StrictSerializer):
    certificateHashData = HashData()


class AskInstalled(StrictSerializer):
    certificateType = serializers.ChoiceField(InstalledCertificate.Type.choices)


class ProfileChange(StrictSerializer):
    securityProfile = serializers.ChoiceField(SecurityProfile.choices)
    confirmed = serializers.BooleanField(
        default=False, help_text="It has the certificates that the profile needs, though it never told us."
    )
    reason = serializers.CharField(
        max_length=255, required=False, help_text="Lowers the profile by force, for administrators; nothing is sent."
    )


class RevokeCertificate(StrictSerializer):
    reason = serializers.CharField(max_length=255, allow_blank=True, default="")


class StationCertificateSerializer(serializers.ModelSerializer[StationCertificate]):
    status = serializers.ChoiceField(StationCertificate.State.choices, source="state")
    authority = serializers.CharField(source="authority.name", default=None, allow_null=True)
    serialNumber = serializers.CharField(source="serial_number")
    validFrom = serializers.DateTimeField(source="not_before", allow_null=True)
    validTo = serializers.DateTimeField(source="not_after", allow_null=True)
    createdTime = serializers.DateTimeField(source="created_at")
    revokedTime = serializers.DateTimeField(source="revoked_at", allow_null=True)
    revokedBy = serializers.CharField(source="revoked_by")

    class Meta:
        model = StationCertificate
        fields = [
            *("id", "status", "authority", "serialNumber", "fingerprint", "validFrom", "validTo", "detail"),
            *("certificate", "createdTime", "revokedTime", "revokedBy"),
        ]


class InstalledCertificateSerializer(serializers.ModelSerializer[InstalledCertificate]):
    certificateType = serializers.ChoiceField(InstalledCertificate.Type.choices, source="type")
    certificateHashData = serializers.SerializerMethodField()
    reportedTime = serializers.DateTimeField(source="reported_at")

    class Meta:
        model = InstalledCertificate
        fields = ["certificateType", "certificateHashData", "reportedTime"]

    @extend_schema(responses=HashData)
    def get_certificateHashData(self, row: InstalledCertificate) -> dict[str, str]:
        return hash_data_of(row)


class SecurityStateSerializer(serializers.Serializer[Any]):
    securityProfile = serializers.IntegerField()
    pendingSecurityProfile = serializers.IntegerField(allow_null=True)
    pendingUntil = serializers.DateTimeField(allow_null=True)
    passwordRotation = serializers.BooleanField(help_text="A new password waits for the station to come back with it.")


class StationSecurityViewSet(StationCommandViewSet):
    """Certificates, password and security profile of a charge point. 409 while it is offline."""

    required_roles = {
        "rotate_password": Role.ADMIN,
        "security_profile": Role.ADMIN,
        "install_certificate": Role.ADMIN,
        "delete_certificate": Role.ADMIN,
        "revoke_certificate": Role.ADMIN,
    }
    extra_parameters = {
        name: {"wait"}
        for name in (
            *("install_certificate", "delete_certificate", "get_installed_certificate_ids"),
            *("rotate_password", "renew_certificate", "security_profile"),
        )
    }

    @classmethod
    def get_extra_actions(cls) -> list[Any]:
        """Those of this class: the commands that it inherits from have routes of their own."""
        return [one for one in super().get_extra_actions() if one.__name__ in cls.__dict__]

    @extend_schema(request=InstallCertificate, responses={202: CommandSerializer}, parameters=[WAIT])
    @action(detail=True, methods=["post"], url_path="install-certificate")
    def install_certificate(self, request: Request, charge_point_id: str) -> Response:
        """InstallCertificate (Security Whitepaper §4.6): a root that the station trusts from then on."""
        given = _read(InstallCertificate, request)
        with _refusals():
            command = install_root(
                charge_point=self.get_object(),
                certificate_type=given["certificateType"],
                certificate=given["certificate"],
                **self._who,
            )
        return self._accepted(command)

    @extend_schema(request=DeleteCertificate, responses={202: CommandSerializer}, parameters=[WAIT])
    @action(detail=True, methods=["post"], url_path="delete-certificate")
    def delete_certificate(self, request: Request, charge_point_id: str) -> Response:
        """DeleteCertificate (Security Whitepaper §4.2)."""
        given = _read(DeleteCertificate, request)
        with _refusals():
            hashes = dict(given["certificateHashData"])
            command = delete_root(charge_point=self.get_object(), hashes=hashes, **self._who)
        return self._accepted(command)

    @extend_schema(request=AskInstalled, responses={202: CommandSerializer}, parameters=[WAIT])
    @action(detail=True, methods=["post"], url_path="get-installed-certificate-ids")
    def get_installed_certificate_ids(self, request: Request, charge_point_id: str) -> Response:
        """GetInstalledCertificateIds (Security Whitepaper §4.4); the answer is kept."""
        given = _read(AskInstalled, request)
        with _refusals():
            command = ask_installed(
                charge_point=self.get_object(), certificate_type=given["certificateType"], **self._who
            )
        return self._accepted(command)

    @extend_schema(responses=InstalledCertificateSerializer(many=True))
    @action(detail=True, url_path="installed-certificates")
    def installed_certificates(self, request: Request, charge_point_id: str) -> Response:
        """The root certificates that the station last said it has."""
        rows = self.get_object().installed_certificates.all()
        return Response(InstalledCertificateSerializer(rows, many=True).data)

    @extend_schema(responses=StationCertificateSerializer(many=True))
    @action(detail=True, url_path="certificates")
    def certificates(self, request: Request, charge_point_id: str) -> Response:
        """Client certificates of the station, from their requests on; the newest first, at most 100."""
        rows = self._certificates()[:100]
        return Response(StationCertificateSerializer(rows, many=True).data)

    @extend_schema(request=RevokeCertificate, responses=StationCertificateSerializer)
    @action(detail=True, methods=["post"], url_path=r"certificates/(?P<certificate_id>[0-9]{1,18})/revoke")
    def revoke_certificate(self, request: Request, charge_point_id: str, certificate_id: str) -> Response:
        """It doesn't sign the station in any more; an open connection is closed."""
        row = get_object_or_404(self._certificates(), pk=int(certificate_id))
        given = _read(RevokeCertificate, request)
        try:
            revoke_certificate(row, actor=self.caller.actor, origin="api", reason=given["reason"])
        except AlreadyRevoked:
            raise Conflict("It is not in use: refused, failed or revoked already.") from None
        return Response(StationCertificateSerializer(self._certificates().get(pk=row.pk)).data)

    @extend_schema(request=None, responses={202: CommandSerializer}, parameters=[WAIT])
    @action(detail=True, methods=["post"], url_path="renew-certificate")
    def renew_certificate(self, request: Request, charge_point_id: str) -> Response:
        """ExtendedTriggerMessage(SignChargePointCertificate): the station asks for a new certificate, and gets it."""
        with _refusals():
            command = ask_for_request(charge_point=self.get_object(), **self._who)
        return self._accepted(command)

    @extend_schema(request=None, responses={202: CommandSerializer}, parameters=[WAIT])
    @action(detail=True, methods=["post"], url_path="rotate-password")
    def rotate_password(self, request: Request, charge_point_id: str) -> Response:
        """A new random password; the old one holds until the station has come back with the new one."""
        with _refusals():
            command = rotate_password(charge_point=self.get_object(), **self._who)
        return self._accepted(command)

    @extend_schema(
        request=ProfileChange, responses={200: SecurityStateSerializer, 202: CommandSerializer}, parameters=[WAIT]
    )
    @action(detail=True, methods=["post"], url_path="security-profile")
    def security_profile(self, request: Request, charge_point_id: str) -> Response:
        """Raise the profile (202), with fallback to the old one; with a reason: lower it by force (200)."""
        given = _read(ProfileChange, request)
        station, profile = self.get_object(), int(given["securityProfile"])
        with _refusals():
            if "reason" in given:
                lower_profile(
                    charge_point=station,
                    profile=profile,
                    reason=given["reason"],
                    actor=self.caller.actor,
                    origin="api",
                )
                self._wait_s = 0.0
                return Response(self._security_of_station())
            command = raise_profile(charge_point=station, profile=profile, confirmed=given["confirmed"], **self._who)
        return self._accepted(command)

    @extend_schema(responses=SecurityStateSerializer)
    @action(detail=True, url_path="security")
    def security(self, request: Request, charge_point_id: str) -> Response:
        """The security profile that is taken, and what is under way."""
        return Response(self._security_of_station())

    def _security_of_station(self) -> dict[str, Any]:
        station = self.get_object()
        until = station.pending_security_profile_until
        return {
            "securityProfile": station.security_profile,
            "pendingSecurityProfile": station.pending_security_profile,
            "pendingUntil": serializers.DateTimeField().to_representation(until) if until else None,
            "passwordRotation": bool(station.next_password_hash),
        }

    @property
    def _who(self) -> dict[str, str]:
        return {"requested_by": self.caller.actor, "origin": "api"}

    def _certificates(self) -> QuerySet[StationCertificate]:
        return StationCertificate.objects.filter(charge_point=self.get_object()).select_related("authority")


def _read(kind: type[StrictSerializer], request: Request) -> dict[str, Any]:
    given = kind(data=request.data)
    given.is_valid(raise_exception=True)
    found: dict[str, Any] = given.validated_data
    return found


@contextmanager
def _refusals() -> Iterator[None]:
    """The services' refusals as answers."""
    try:
        yield
    except InvalidCertificate as error:
        raise ValidationError({"certificate": str(error)}) from None
    except StationOffline:
        raise Conflict("The charge point is offline.") from None
    except (RotationRefused, ProfileRefused) as error:
        raise Conflict(str(error)) from None
