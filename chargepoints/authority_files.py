"""`/tenant-ca/<slug>.pem` and `.crl`: what a TLS proxy needs to know of a tenant's authorities. Public, as such files are."""

from django.core.cache import cache
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from chargepoints.models import CertificateAuthority
from chargepoints.services.certificate_authority import revocation_list
from tenants.context import directory_transaction, system_transaction, tenant_transaction, where_lives
from tenants.models import Tenant

# A list is signed anew at most so often: anyone may ask for it.
KEPT_SECONDS = 60


@require_safe
def certificates(request: HttpRequest, slug: str) -> HttpResponse:
    """All authorities that the tenant trusts, with their chains."""
    with tenant_transaction(_tenant(slug)):
        rows = CertificateAuthority.objects.order_by("-active", "-created_at")
        text = "".join(rows.values_list("certificate", flat=True))
    return _file(text, "application/x-pem-file", f"{slug}.pem")


@require_safe
def revoked(request: HttpRequest, slug: str) -> HttpResponse:
    """The lists of revoked certificates of all authorities that sign, PEM, one after the other."""
    tenant_id = _tenant(slug)
    text = cache.get(f"crl:{tenant_id}")
    if text is None:
        now = timezone.now()
        with tenant_transaction(tenant_id):
            rows = CertificateAuthority.objects.exclude(private_key="").order_by("-active", "-created_at")
            text = "".join(revocation_list(row, now) for row in rows)
        cache.set(f"crl:{tenant_id}", text, KEPT_SECONDS)
    return _file(text, "application/pkix-crl", f"{slug}.crl")


def _tenant(slug: str) -> int:
    """Of an active tenant that has an authority; all others look the same."""
    with directory_transaction():
        active = Tenant.objects.filter(slug=slug, status=Tenant.Status.ACTIVE)
        tenant_id = active.values_list("pk", flat=True).first()
    if tenant_id is None:
        raise Http404
    with where_lives(tenant_id), system_transaction():
        if not CertificateAuthority.objects.filter(tenant_id=tenant_id).exists():
            raise Http404
    return tenant_id


def _file(text: str, kind: str, name: str) -> HttpResponse:
    return HttpResponse(
        text,
        content_type=kind,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "max-age=60"},
    )
