"""*Cost*, by morning, month and more, with its chart and CSV; *Rates* with their import."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from distribution.cost import figures, importing, staff_messages
from distribution.cost.figures import By, Spent
from distribution.cost.price_book import NOTHING
from distribution.cost.rate_file import ERRORS_SHOWN, RateFile, parse
from distribution.mirror import cost_check
from distribution.models import CostCheck, Rate
from distribution.reporting import cost_chart
from distribution.runtime import india_time
from distribution.runtime.money import money
from subscribers.admin import form_keys
from subscribers.admin.form_keys import SentBeforeError
from subscribers.admin.page_frame import OwnPages, csv_file, framed
from subscribers.admin.read_only import ReadOnlyAdmin
from subscribers.spreadsheets import csv_lines

SEE, IMPORT = "distribution.view_cost", "distribution.import_rate"
PERIODS = {
    "28": gettext_lazy("28 days"),
    "90": gettext_lazy("90 days"),
    "365": gettext_lazy("A year"),
}
FILE_BYTES_LIMIT = 2**20
CHECK_DAYS, CHECKS_SHOWN = 7, 100
TITLES = {
    By.MORNING: gettext_lazy("Morning"),
    By.MONTH: gettext_lazy("Month"),
    By.CATEGORY: gettext_lazy("Category"),
    By.TIER: gettext_lazy("Tier"),
    By.NUMBER: gettext_lazy("Phone number"),
    By.TEMPLATE: gettext_lazy("Message template"),
}


class RateFileForm(forms.Form):
    """A CSV of rates."""

    file = forms.FileField(
        label=gettext_lazy("CSV file"),
        help_text=gettext_lazy(
            "Columns: market, prefix, category, price, currency, valid_from, source, and from_n "
            "for prices by volume. If any line is wrong, nothing is stored."
        ),
        widget=forms.FileInput(attrs={"accept": ".csv"}),
    )

    def clean_file(self) -> RateFile:
        file = self.cleaned_data["file"]
        if file.size > FILE_BYTES_LIMIT:
            raise forms.ValidationError(_("The file is larger than 1 MB."))
        try:
            found = parse(file.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise forms.ValidationError(_("Save the file as UTF-8 and upload it again.")) from None
        if found.errors:
            more = len(found.errors) - ERRORS_SHOWN
            shown = found.errors[:ERRORS_SHOWN]
            words = ngettext("%d more error.", "%d more errors.", more) % more if more > 0 else ""
            raise forms.ValidationError([*shown, *([words] if words else [])])
        return found


@admin.register(Rate)
class RateAdmin(OwnPages, ReadOnlyAdmin):
    """Rates are imported, never edited one by one: so each change has a source."""

    list_display = ["market", "category", "price_each", "from_n", "valid_from", "source"]
    list_filter = ["category", "currency", "market"]
    list_before_template = "admin/distribution/rate/links.html"
    pages = {
        "costs/": ("costs_view", "distribution_cost_page"),
        "costs.csv": ("costs_csv_view", "distribution_cost_csv"),
        "import/": ("import_view", "distribution_rate_import"),
    }

    @admin.display(description="price", ordering="price")
    def price_each(self, rate: Rate) -> str:
        return f"{rate.price.normalize():f} {rate.currency}"

    def costs_view(self, request: HttpRequest) -> HttpResponse:
        """What was spent in a period, by one dimension."""
        start, end, by = _asked(request)
        rows = figures.grouped(start, end, by)
        total = figures.between(start, end)
        is_dated = by in (By.MORNING, By.MONTH)
        return framed(
            self,
            request,
            "admin/distribution/rate/costs.html",
            title=_("Cost"),
            start=start,
            end=end,
            rows=[(_label(row, by), row) for row in (reversed(rows) if is_dated else rows)],
            total=total,
            staff=staff_messages.between(start, end),
            charts=_charts(rows, by, total.currency) if is_dated else [],
            gst=figures.tax_percent(),
            limit=money(figures.limit_per_message(), figures.RUPEES),
            by=by.value,
            by_title=TITLES[by],
            dimensions=[(one.value, words) for one, words in TITLES.items()],
            periods=PERIODS.items(),
            days=str((end - start).days + 1),
            checks=_checks(end),
        )

    def costs_csv_view(self, request: HttpRequest) -> HttpResponseBase:
        """The same as a file."""
        start, end, by = _asked(request)
        lines = csv_lines(figures.table(figures.grouped(start, end, by), by))
        return csv_file(request, lines, f"cost-by-{by}-{start}-{end}.csv")

    def import_view(self, request: HttpRequest) -> HttpResponse:
        """Takes a file; shows what is wrong with each line."""
        if not request.user.has_perm(IMPORT):
            raise PermissionDenied
        if (earlier := form_keys.earlier_result(request)) is not None:
            return earlier
        form = RateFileForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            try:
                done = form_keys.once(request, lambda: self._store(request, form), by_values=False)
            except SentBeforeError as error:
                return form_keys.first_result(request, error.earlier)
            assert done is not None
            return done
        return framed(
            self,
            request,
            "admin/distribution/rate/import.html",
            title=_("Import rates"),
            form=form,
            back=reverse("admin:distribution_rate_changelist"),
        )

    def _store(self, request: HttpRequest, form: RateFileForm) -> HttpResponse:
        done = importing.store(form.cleaned_data["file"].lines)
        facts = {"added": done.added, "unchanged": done.same, "changed": done.changed[:50]}
        rate = Rate.objects.order_by("-pk").first()
        if rate is not None:
            self.log_change(request, rate, [{"act": "Rates imported", "after": facts}])
        words = _("Rates: %(added)s added, %(changed)s corrected, %(same)s unchanged.") % {
            "added": done.added,
            "changed": len(done.changed),
            "same": done.same,
        }
        messages.success(request, words)
        return HttpResponseRedirect(reverse("admin:distribution_rate_changelist"))


def _asked(request: HttpRequest) -> tuple[date, date, By]:
    """The period and the dimension of the address; what is none counts as the first choice."""
    if not request.user.has_perm(SEE):
        raise PermissionDenied
    end = india_time.local_date(timezone.now())
    days = request.GET.get("days", "")
    length = int(days) if days in PERIODS else int(next(iter(PERIODS)))
    by = request.GET.get("by", "")
    dimension = By(by) if by in list(By) else By.MORNING
    return end - timedelta(days=length - 1), end, dimension


def _checks(today: date) -> list[tuple[CostCheck, bool]]:
    """The latest comparisons with Meta, and whether each is beyond its inexactness."""
    since = today - timedelta(days=CHECK_DAYS)
    rows = CostCheck.objects.filter(day__gte=since).select_related("waba", "number")
    shown = rows.order_by("-day", "waba", "category", "number")[:CHECKS_SHOWN]
    return [(row, cost_check.differs(row.our_messages, row.metas_messages)) for row in shown]


def _label(row: Spent, by: By) -> str:
    if isinstance(row.key, date):
        return f"{row.key:%b %Y}" if by is By.MONTH else f"{row.key:%a %-d %b %Y}"
    return str(row.key or _("none"))


def _charts(rows: list[Spent], by: By, currency: str) -> list[Any]:
    """What was spent, and per message beside the limit."""
    labels = [f"{row.key:%b %Y}" if by is By.MONTH else f"{row.key:%-d %b}" for row in rows]
    spent = [row.amounts.get(currency, NOTHING) for row in rows]
    each = [row.per_message or NOTHING for row in rows]
    limit = figures.limit_per_message() if currency == figures.RUPEES else None
    return [
        cost_chart.chart(_("Cost"), list(zip(labels, spent, strict=True)), currency),
        cost_chart.chart(
            _("Per delivered message"),
            list(zip(labels, each, strict=True)),
            currency,
            limit=limit,
        ),
    ]
