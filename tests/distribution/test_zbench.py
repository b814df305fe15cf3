import importlib.util, time, pytest, sys
from tests.distribution.test_reports import *
for n in list(globals()):
    if n.startswith("test_"): del globals()[n]
def load(p):
    s = importlib.util.spec_from_file_location("b"+p.replace("/","_").replace(".","_"), p); m = importlib.util.module_from_spec(s); s.loader.exec_module(m); return m
@pytest.mark.django_db(transaction=True)
def test_bench():
    run = Run(2000)
    mods = {"before": load("/tmp/bulk_before.py"), "after": load("/work/main/distribution/bulk.py")}
    took = {"before": [], "after": []}
    for r in range(6):
        for b in range(40):
            name = ["before", "after"][(b + r) % 2]
            claim = state.claim(run.distribution.pk, b, limit=50, now=NOW, lease=LEASE)
            state.mark_inflight(claim, claim.deliveries, number_id=PhoneNumber.objects.first().pk, now=NOW, lease=LEASE)
            s = [Settlement(claim.attempt(row), State.ACCEPTED, NOW, wamid=f"w.{row.pk}.{time.time()}") for row in claim.deliveries]
            state.update_from = mods[name].update_from
            t = time.perf_counter(); state.settle(s); took[name].append(time.perf_counter() - t)
        Delivery.objects.update(state="PENDING", wamid=None, accepted_at=None)
    for k, v in took.items():
        v.sort(); print("settle", k, "min, p25, median ms", *[round(1000*v[i],2) for i in (0, len(v)//4, len(v)//2)])
