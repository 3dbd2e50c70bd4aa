-- Who is signed in. All of it goes by the database's clock: what a moved clock shows is no reason
-- to let somebody stay, or to send somebody away.

CREATE TABLE sessions (
    digest bytea PRIMARY KEY,
    user_id uuid NOT NULL,
    partner_id uuid NOT NULL,
    role text NOT NULL CHECK (role IN ('admin', 'member', 'staff')),
    name text NOT NULL,
    partner_ids uuid[] NOT NULL DEFAULT '{}',
    sealed text NOT NULL,
    token_until timestamptz NOT NULL,
    refresh_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_expires ON sessions (expires_at);
COMMENT ON COLUMN sessions.digest IS 'SHA-256 of what the cookie holds, so that the table opens no session.';
COMMENT ON COLUMN sessions.partner_ids IS 'Staff: the partners that the issuer lets them choose from.';
COMMENT ON COLUMN sessions.sealed IS 'The tokens, encrypted by a key that is not in the database.';
COMMENT ON COLUMN sessions.token_until IS 'When the token for the services expires.';
COMMENT ON COLUMN sessions.refresh_at IS 'When a fresh one is asked for; NULL: the issuer gives none.';
