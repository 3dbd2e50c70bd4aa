-- An event of two to eight KB was compressed for the moment that it stays, and uncompressed to be
-- sent: that took longer than to write the few bytes more.
ALTER TABLE outbox SET (toast_tuple_target = 8160);
