-- The rule sets that are known. January 2018 is in force; the points model has no thresholds yet.

INSERT INTO rule_sets (name, in_force_from, document) VALUES
('2018-01', '2018-01-01', '{
    "kind": "mrr",
    "name": "2018-01",
    "title": "Solutions Partner Program, January 2018",
    "in_force_from": "2018-01-01",
    "currency": "USD",
    "gates": {"certified": true, "median_app_usage": "3"},
    "review_days": ["01-15", "07-15"],
    "tiers": [
        {"tier": "Silver", "sold": "1125.00", "managed": "1125.00"},
        {"tier": "Gold", "sold": "2100.00", "managed": "6000.00"},
        {"tier": "Platinum", "sold": "3750.00", "managed": "20000.00"},
        {"tier": "Diamond", "sold": "10000.00", "managed": "50000.00"}
    ]
}'),
('2022-points', NULL, '{
    "kind": "points",
    "name": "2022-points",
    "title": "Solutions Partner Program, points model of 2022 and later",
    "in_force_from": null,
    "currency": "USD",
    "gates": {"certified": true, "median_app_usage": "3"},
    "review_days": ["01-15", "07-15"],
    "weights": {
        "per": "100", "sourced": "5", "assisted": "3", "managed": "1",
        "growth_market": "2", "growth_countries": []
    },
    "tiers": [
        {"tier": "Gold", "points": null},
        {"tier": "Platinum", "points": null},
        {"tier": "Diamond", "points": null},
        {"tier": "Elite", "points": null}
    ]
}');
