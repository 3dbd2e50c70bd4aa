"""The dashboards: is the main job fine, does the plumbing flow, do the doors answer."""

from deploy.reference.grafana import Dashboard, Panel

RATE = "[$__rate_interval]"
MISSED = 'reason=~"deadline_passed|renewal_started|told_too_late"'
ASKED = 'job=~"$job",route!~"none|/livez|/readyz|/metrics"'
FAILED = f'{ASKED},status=~"5.."'
SHORT = 'job=~"$job",route!~"none|/stream|/livez|/readyz|/metrics"'


def _stat(title: str, query: str, meaning: str, *, bad: float, seconds: bool = False) -> Panel:
    unit = "s" if seconds else "short"
    return Panel(title, [(query, "")], unit, "stat", bad, meaning)  # type: ignore[arg-type]


def _rate(where: str) -> str:
    return f"sum by (job) (rate(http_request_seconds_count{{{where}}}{RATE}))"


def _quantile(share: str, metric: str, by: str, where: str = "") -> str:
    return (
        f"histogram_quantile({share}, sum by ({by}, le) (rate({metric}_bucket{{{where}}}{RATE})))"
        if by
        else f"histogram_quantile({share}, sum by (le) (rate({metric}_bucket{{{where}}}{RATE})))"
    )


MAIN_JOB = Dashboard(
    "partner-tools-main-job",
    "Is everybody told?",
    [
        (
            "Now",
            [
                _stat(
                    "Oldest stage due and not told",
                    "max(renewals_oldest_due_seconds)",
                    "The sweep looks four times a second. SweepLate from 300 s on.",
                    bad=300,
                    seconds=True,
                ),
                _stat(
                    "Oldest message due and not sent",
                    "max(oldest_due_unsent_seconds)",
                    "OldestDueUnsent from 900 s on.",
                    bad=900,
                    seconds=True,
                ),
                _stat(
                    "Missed within a day",
                    f"sum(increase(messages_unsent_total{{{MISSED}}}[1d]))",
                    "Dropped since it was too late: somebody has to call them.",
                    bad=1,
                ),
                _stat("Blocked", "max(messages_blocked)", "Nobody valid can be told.", bad=1),
                _stat("In doubt", "max(messages_unknown)", "The answer never came.", bad=1),
                _stat(
                    "Alerts",
                    'count(ALERTS{alertstate="firing"}) or vector(0)',
                    "See docs/runbooks.",
                    bad=1,
                ),
            ],
        ),
        (
            "What is due, and what is told",
            [
                Panel(
                    "Stages a minute",
                    [(f"60 * sum by (outcome) (rate(renewal_stages_total{RATE}))", "{{outcome}}")],
                ),
                Panel(
                    "Messages a minute, by what came of the attempt",
                    [
                        (
                            f"60 * sum by (outcome) (rate(message_attempts_total{RATE}))",
                            "{{outcome}}",
                        )
                    ],
                ),
                Panel(
                    "Not sent, by reason",
                    [
                        (
                            (
                                f"sum by (reason) (increase(messages_unsent_total{RATE})) > 0 "
                                f"or sum(increase(messages_unsent_total{RATE}))"
                            ),
                            "{{reason}}",
                        )
                    ],
                ),
            ],
        ),
        (
            "How long it takes",
            [
                Panel(
                    "Age of what waits",
                    [
                        ("max(renewals_oldest_due_seconds)", "stage due"),
                        ("max(oldest_due_unsent_seconds)", "message unsent"),
                        ("max(messages_waiting_oldest_seconds)", "message waits for data"),
                        ("max(read_model_behind_seconds)", "pages behind"),
                    ],
                    "s",
                ),
                Panel(
                    "A round of the sweep",
                    [
                        (_quantile("0.5", "job_seconds", "", 'name="sweep"'), "half"),
                        (_quantile("0.99", "job_seconds", "", 'name="sweep"'), "99 %"),
                    ],
                    "s",
                ),
                Panel(
                    "A batch at the mail relay",
                    [
                        (_quantile("0.5", "send_seconds", ""), "half"),
                        (_quantile("0.99", "send_seconds", ""), "99 %"),
                    ],
                    "s",
                ),
            ],
        ),
        (
            "Why nothing goes out",
            [
                Panel(
                    "1: it stands still",
                    [
                        ("max(mail_relay_away)", "the mail relay is away"),
                        ("max(sender_waits_for_news)", "what was heard is too old"),
                    ],
                    "none",
                ),
                Panel("Messages that wait for data", [("max(messages_waiting)", "waiting")]),
                Panel(
                    "Settled by time a minute",
                    [(f"60 * sum(rate(renewals_settled_total{RATE}))", "renewed as they are")],
                ),
            ],
        ),
    ],
)

PLUMBING = Dashboard(
    "partner-tools-plumbing",
    "Do events flow?",
    [
        (
            "Now",
            [
                _stat("Dead letters", "sum(max by (job) (dead_letters_open))", "Open.", bad=1),
                _stat("Consumers stopped", "sum(inbox_stopped)", "They stay so.", bad=1),
                _stat("Consumers waiting", "sum(inbox_waiting)", "For what is away.", bad=1),
                _stat("Records behind", "sum(consumer_lag)", "All groups.", bad=5000),
                _stat(
                    "Oldest event not out",
                    "max(outbox_oldest_age_seconds)",
                    "OutboxOld from 60 s on.",
                    bad=60,
                    seconds=True,
                ),
                _stat(
                    "Services without database",
                    "count(max by (job) (database_up) == 0) or vector(0)",
                    "They answer 503.",
                    bad=1,
                ),
            ],
        ),
        (
            "Out: outbox and relay",
            [
                Panel(
                    "Oldest event not out",
                    [("max by (job) (outbox_oldest_age_seconds)", "{{job}}")],
                    "s",
                ),
                Panel("Events not out", [("max by (job) (outbox_rows)", "{{job}}")]),
                Panel(
                    "Events that Kafka took a second",
                    [(f"sum by (job) (rate(relay_sent_total{RATE}))", "{{job}}")],
                ),
                Panel(
                    "The relay",
                    [
                        ("sum by (job) (relay_shards)", "{{job}}: shards held, of 16"),
                        (
                            f"sum by (job) (increase(relay_failures_total{RATE}))",
                            "{{job}}: began anew",
                        ),
                        ("max by (job) (relay_waiting)", "{{job}}: waits"),
                    ],
                ),
            ],
        ),
        (
            "In: consumers",
            [
                Panel("Records behind", [("sum by (job, group) (consumer_lag)", "{{group}}")]),
                Panel(
                    "Records a second, by what became of them",
                    [
                        (
                            f"sum by (job, outcome) (rate(inbox_records_total{RATE}))",
                            "{{job}} {{outcome}}",
                        )
                    ],
                ),
                Panel(
                    "Set aside",
                    [
                        ("max by (job) (dead_letters_open)", "{{job}}: open"),
                        (f"max by (job) (increase(dead_letters_total{RATE}))", "{{job}}: new"),
                    ],
                ),
            ],
        ),
        (
            "Beside: jobs, database, webhooks",
            [
                Panel(
                    "Since a job last ended well",
                    [
                        (
                            "time() - max by (job, name) (job_last_success_timestamp_seconds)",
                            "{{job}} {{name}}",
                        )
                    ],
                    "s",
                ),
                Panel(
                    "Rounds that failed",
                    [
                        (
                            f"sum by (job, name) (increase(job_failures_total{RATE}))",
                            "{{job}} {{name}}",
                        )
                    ],
                ),
                Panel(
                    "Connections to PostgreSQL",
                    [("sum by (job, state) (database_connections)", "{{job}} {{state}}")],
                ),
                Panel(
                    "Webhooks",
                    [
                        (
                            f"60 * sum by (outcome) (rate(webhook_attempts_total{RATE}))",
                            "{{outcome}} a minute",
                        ),
                        ("max(webhook_oldest_undelivered_seconds)", "oldest waiting, s"),
                        ("max(webhooks_dead)", "given up"),
                        ("max(webhook_endpoints_gone)", "endpoints gone"),
                        (_quantile("0.95", "webhook_attempt_seconds", ""), "95 % of attempts, s"),
                    ],
                ),
            ],
        ),
    ],
)

DOORS = Dashboard(
    "partner-tools-doors",
    "Do the doors answer?",
    [
        (
            "Requests",
            [
                Panel(
                    "Requests a second",
                    [
                        (
                            f"sum by (job) (rate(http_request_seconds_count{{{ASKED}}}{RATE}))",
                            "{{job}}",
                        )
                    ],
                    "reqps",
                ),
                Panel(
                    "By status",
                    [
                        (
                            f"sum by (status) (rate(http_request_seconds_count{{{ASKED}}}{RATE}))",
                            "{{status}}",
                        )
                    ],
                    "reqps",
                ),
                Panel(
                    "Share that failed",
                    [
                        (
                            (
                                f"({_rate(FAILED)} or 0 * {_rate(ASKED)})"
                                f" / clamp_min({_rate(ASKED)}, 0.000001)"
                            ),
                            "{{job}}",
                        )
                    ],
                    "percentunit",
                    bad=0.01,
                ),
                Panel(
                    "Bugs",
                    [
                        (
                            (
                                'sum by (job) (increase(http_requests_failed_total{job=~"$job"}'
                                f"{RATE}))"
                            ),
                            "{{job}}",
                        )
                    ],
                    bad=1,
                ),
            ],
        ),
        (
            "Time to answer (without the stream, which stays open)",
            [
                Panel(
                    "By service",
                    [
                        (_quantile("0.5", "http_request_seconds", "job", SHORT), "{{job}} half"),
                        (_quantile("0.95", "http_request_seconds", "job", SHORT), "{{job}} 95 %"),
                        (_quantile("0.99", "http_request_seconds", "job", SHORT), "{{job}} 99 %"),
                    ],
                    "s",
                    bad=0.5,
                ),
                Panel(
                    "The ten slowest routes, 95 %",
                    [
                        (
                            "topk(10, "
                            + _quantile("0.95", "http_request_seconds", "job, method, route", SHORT)
                            + ")",
                            "{{job}} {{method}} {{route}}",
                        )
                    ],
                    "s",
                ),
            ],
        ),
        (
            "Processes",
            [
                Panel(
                    "Memory",
                    [('process_resident_memory_bytes{job=~"$job"}', "{{job}} {{instance}}")],
                    "bytes",
                ),
                Panel(
                    "Cores in use",
                    [
                        (
                            f'rate(process_cpu_seconds_total{{job=~"$job"}}{RATE})',
                            "{{job}} {{instance}}",
                        )
                    ],
                ),
                Panel(
                    "File descriptors in use",
                    [
                        (
                            'process_open_fds{job=~"$job"} / process_max_fds{job=~"$job"}',
                            "{{job}} {{instance}}",
                        )
                    ],
                    "percentunit",
                    bad=0.8,
                ),
                Panel(
                    "What runs, and since when",
                    [
                        (
                            (
                                "(time() - process_start_time_seconds) * on (job, instance) "
                                'group_left (version, revision) build_info{job=~"$job"}'
                            ),
                            "",
                        )
                    ],
                    "s",
                    "table",
                ),
            ],
        ),
    ],
    by_job=True,
)

ALL = {"main-job": MAIN_JOB, "plumbing": PLUMBING, "doors": DOORS}
