import time, pytest
from tests.distribution.test_reports import *

for n in list(globals()):
    if n.startswith("test_"):
        del globals()[n]


@pytest.mark.django_db(transaction=True)
def test_bench():
    run = Run(2000)
    for _ in range(3):
        took = []
        for b in range(40):
            claim = state.claim(run.distribution.pk, b, limit=50, now=NOW, lease=LEASE)
            state.mark_inflight(
                claim,
                claim.deliveries,
                number_id=PhoneNumber.objects.first().pk,
                now=NOW,
                lease=LEASE,
            )
            s = [
                Settlement(
                    claim.attempt(row), State.ACCEPTED, NOW, wamid=f"w.{row.pk}.{time.time()}"
                )
                for row in claim.deliveries
            ]
            t = time.perf_counter()
            state.settle(s)
            took.append(time.perf_counter() - t)
        took.sort()
        print("settle 50 median ms", 1000 * took[20])
        Delivery.objects.update(state="PENDING", wamid=None, accepted_at=None)
