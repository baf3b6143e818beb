"""The form behind every page for rows of a tenant."""

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.utils.translation import gettext_lazy as _


class TenantModelForm(forms.ModelForm):
    """Checks uniqueness within the tenant too: Django skips constraints on columns that aren't in the form."""

    tenant_id: int | None = None

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors or self.tenant_id is None:
            return
        if self.instance.tenant_id is None:
            self.instance.tenant_id = self.tenant_id
        try:
            self.instance.validate_constraints()
        except ValidationError:
            kind = self.instance._meta.verbose_name
            self.add_error(NON_FIELD_ERRORS, _("This %(kind)s exists already.") % {"kind": kind})
