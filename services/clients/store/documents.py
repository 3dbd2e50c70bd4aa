"""The SQL expressions that read a client or a partner as one JSON document."""

from typing import Final

_COMPANY: Final = """json_build_object(
    'name', c.name, 'domain', c.domain, 'industry', c.industry, 'country', c.country,
    'city', c.city, 'phone', c.phone, 'employees', c.employees)"""

_SUBSCRIPTIONS: Final = """coalesce((
    SELECT json_agg(json_build_object(
               'subscription_id', s.subscription_id, 'product', s.product, 'mrr', s.mrr::text,
               'currency', s.currency, 'term_start', s.term_start, 'term_end', s.term_end)
               ORDER BY s.product COLLATE "C", s.subscription_id)
      FROM subscriptions AS s
     WHERE s.client_id = c.client_id AND s.partner_id = c.partner_id), '[]')"""

_CONTACTS: Final = """coalesce((
    SELECT json_agg(json_build_object(
               'contact_id', p.contact_id, 'name', p.name, 'email', p.email, 'roles', p.roles,
               'job_title', p.job_title, 'phone', p.phone)
               ORDER BY p.name COLLATE "C", p.contact_id)
      FROM contacts AS p
     WHERE p.client_id = c.client_id AND p.partner_id = c.partner_id), '[]')"""

_CLIENT: Final = f"""
    'client_id', c.client_id, 'partner_id', c.partner_id, 'record_id', c.record_id,
    'account_id', c.account_id, 'version', c.version, 'company', {_COMPANY},
    'relationship', json_build_object('sold', c.sold, 'managed', c.managed, 'sold_on', c.sold_on),
    'services', json_build_object('active', c.active, 'period', c.period, 'ended_at', c.ended_at),
    'subscriptions', {_SUBSCRIPTIONS},
    'contact_tier', CASE WHEN c.contacts_limit IS NOT NULL THEN json_build_object(
        'limit', c.contacts_limit, 'used', c.contacts_used, 'tier', c.contact_tier) END,
    'email_use', CASE WHEN c.emails_used IS NOT NULL THEN json_build_object(
        'limit', c.email_limit, 'used', c.emails_used) END,
    'app_usage', CASE WHEN c.apps_used IS NOT NULL THEN json_build_object(
        'apps_used', c.apps_used, 'period_end', c.usage_period_end) END"""

SUMMARY: Final = f"json_build_object({_CLIENT})"
"""A client without its people; the row of ``clients`` is called ``c``."""

CLIENT: Final = f"""json_build_object({_CLIENT},
    'contacts', {_CONTACTS},
    'renewal_manager', CASE WHEN c.manager_id IS NOT NULL THEN json_build_object(
        'person_id', c.manager_id, 'name', c.manager_name, 'email', c.manager_email,
        'role', 'renewal_manager') END)"""
"""A client as a whole; the row of ``clients`` is called ``c``."""

PARTNER: Final = """json_build_object(
    'partner_id', p.partner_id, 'hub_id', p.hub_id, 'version', p.version, 'name', p.name,
    'time_zone', p.time_zone,
    'users', coalesce((
        SELECT json_agg(json_build_object(
                   'user_id', u.user_id, 'name', u.name, 'email', u.email, 'admin', u.admin,
                   'active', u.active) ORDER BY u.name COLLATE "C", u.user_id)
          FROM users AS u
         WHERE u.partner_id = p.partner_id), '[]'),
    'team', coalesce((
        SELECT json_agg(json_build_object(
                   'person_id', t.person_id, 'name', t.name, 'email', t.email, 'role', t.role,
                   'description', t.description) ORDER BY t.role COLLATE "C", t.person_id)
          FROM team_members AS t
         WHERE t.partner_id = p.partner_id), '[]'))"""
"""A partner with its people; the row of ``partners`` is called ``p``."""
