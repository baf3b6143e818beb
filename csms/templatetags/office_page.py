"""What every page of the back office shows around its own content: where one is, and what an empty list says."""

from typing import Any, NamedTuple

from django import template
from django.db.models import Model
from django.urls import NoReverseMatch, reverse
from django.utils.text import capfirst

from csms.empty_lists import EMPTY_LISTS

register = template.Library()


class Crumb(NamedTuple):
    """A step of the way to a page; `link` is empty for the page itself."""

    title: str
    link: str = ""


@register.inclusion_tag("office/crumbs.html", takes_context=True)
def crumbs(context: Any) -> dict[str, Any]:
    """The list that a page belongs to, by the menu's name for it, and the page."""
    title = str(context.get("content_title") or "").strip()
    row = _row(context)
    station = context.get("station")
    if row is None and "opts" not in context and isinstance(station, Model):
        # Its tabs lead to the rest of it.
        return {"crumbs": [Crumb(*_list(context, type(station))), Crumb(title)]}
    model = _model(context, row)
    if model is None:
        return {"crumbs": [Crumb(title)]}
    own = Crumb(*_list(context, model))
    # Settings of one row (tenants.admin.one_row) are what their menu's name says: nothing lies above.
    if context.get("cl") is not None or context.get("one_row"):
        return {"crumbs": [Crumb(own.title)]}
    if row is None:
        return {"crumbs": [own, Crumb(title)]}
    if "opts" in context or not title:
        return {"crumbs": [own, Crumb(str(row))]}
    return {"crumbs": [own, Crumb(str(row), _link(context, model, "change", row.pk)), Crumb(title)]}


@register.inclusion_tag("office/empty_list.html", takes_context=True)
def empty_list(context: Any, changelist: Any, may_add: bool) -> dict[str, Any]:
    """What to do next where a list has no rows; where filters hide them, how to see them again."""
    # Here, not above: libraries of tags are loaded while unfold is.
    from tenants.admin.base import has_role

    found = EMPTY_LISTS.get(changelist.opts.label_lower)
    narrowed = bool(changelist.query or changelist.has_active_filters)
    shown: dict[str, Any] = {"narrowed": narrowed, "name": changelist.opts.verbose_name}
    if narrowed:
        return shown
    if found is not None:
        shown["text"] = found.text
        if found.action is not None and has_role(context.request, found.role):
            shown |= {"action": found.action, "url": reverse(found.url_name)}
    if may_add:
        shown["add_url"] = reverse(f"admin:{changelist.opts.app_label}_{changelist.opts.model_name}_add")
    return shown


def _row(context: Any) -> Model | None:
    return next((one for key in ("original", "object") if isinstance(one := context.get(key), Model) and one.pk), None)


def _model(context: Any, row: Model | None) -> type[Model] | None:
    if context.get("opts") is not None:
        return context["opts"].model  # type: ignore[no-any-return]
    if row is not None:
        return type(row)
    return getattr(context.get("model_admin"), "model", None)


def _list(context: Any, model: type[Model]) -> tuple[str, str]:
    """The list's name and address. The menu's name where it has one: people know it by that."""
    link = _link(context, model, "changelist")
    items = (item for group in context.get("sidebar_navigation") or [] for item in group["items"])
    title = next((item["title"] for item in items if str(item.get("link")) == link), model._meta.verbose_name_plural)
    return capfirst(str(title)), link


def _link(context: Any, model: type[Model], page: str, *args: Any) -> str:
    try:
        return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)
    except NoReverseMatch:
        return ""
