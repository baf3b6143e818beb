"""Filters of long lists: none of them looks through the rows for its choices."""

from abc import ABC, abstractmethod
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import DropdownFilter, TextFilter


class WrittenFilter(TextFilter):  # type: ignore[misc]
    """Exactly this, as its index has it. Subclasses name the column (`parameter_name`) and the `title`."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = (self.value() or "").strip().replace("\0", "")
        return queryset.filter(**{self.parameter_name: wanted}) if wanted else queryset


class KnownFilter(ABC, DropdownFilter):  # type: ignore[misc]
    """One of the words that there are. Subclasses name the column (`parameter_name`), the `title`, and the `words`."""

    @abstractmethod
    def words(self) -> list[tuple[str, Any]]:
        """(value, what people read)."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return self.words()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = self.value()
        return queryset.filter(**{self.parameter_name: wanted}) if wanted in dict(self.lookup_choices) else queryset
