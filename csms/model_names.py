"""The names of models and their fields, in the reader's language.

Forms, lists and filters show them. They are derived from the code's own words, so they are marked here in one place: a
name that is only marked doesn't change what migrations see, and a new field can't be forgotten (the catalogue's test
collects them in the same way).
"""

from collections.abc import Iterator

from django.apps import apps
from django.db.models import Field, Model
from django.utils.translation import gettext_lazy, override

OWN_APPS = ("tenants", "chargepoints", "metering", "smartcharging", "csms")


def own_models() -> Iterator[type[Model]]:
    for label in OWN_APPS:
        yield from apps.get_app_config(label).get_models()


def own_fields(model: type[Model]) -> "Iterator[Field[object, object]]":
    """Reverse relations have no name of their own."""
    return (field for field in model._meta.get_fields() if isinstance(field, Field))


def names_of_models() -> Iterator[str]:
    """As the code has them, in English; a name may come more than once."""
    with override("en"):
        for model in own_models():
            yield str(model._meta.verbose_name)
            yield str(model._meta.verbose_name_plural)
            yield from (str(field.verbose_name) for field in own_fields(model))


def mark_model_names() -> None:
    """Once, when all models are there. Migrations compare what was written (`original_attrs`), which stays as it is."""
    with override("en"):
        for model in own_models():
            meta = model._meta
            meta.verbose_name = gettext_lazy(str(meta.verbose_name))
            meta.verbose_name_plural = gettext_lazy(str(meta.verbose_name_plural))
            for field in own_fields(model):
                field.verbose_name = gettext_lazy(str(field.verbose_name))
