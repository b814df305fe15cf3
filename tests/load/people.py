"""Subscribers by the million, made inside PostgreSQL: three tiers, 1 % unsubscribed, cities and
names that repeat."""

from __future__ import annotations

PEOPLE = """
INSERT INTO subscribers_subscriber (phone, name, tier, status, language, attributes, email,
    unreachable_days, created_at, updated_at)
SELECT '+91' || (6000000000 + n * 37), (ARRAY['Asha','Ravi','Mina','Zoya'])[1 + n %% 4] || ' ' || n,
    (ARRAY['BASIC','PRO','PREMIUM'])[1 + n %% 3],
    CASE WHEN n %% 100 = 0 THEN 'UNSUBSCRIBED' WHEN n %% 50 = 1 THEN 'PAUSED' ELSE 'ACTIVE' END,
    CASE WHEN n %% 1000 = 0 THEN 'ta' WHEN n %% 2 = 0 THEN 'hi' ELSE 'en' END,
    jsonb_build_object('city', 'City ' || n %% 700, 'tag', (ARRAY['', 'vip'])[1 + n %% 2]),
    CASE n %% 10 WHEN 0 THEN 'p' || n || '@example.org' ELSE '' END, 0, now(),
    now() - (n %% 100000) * interval '1 minute'
FROM generate_series(1, %s) AS n
"""
