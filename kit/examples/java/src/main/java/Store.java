import com.fasterxml.jackson.databind.JsonNode;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.Map;

/**
 * What the consumer keeps, in SQLite. Yours is your own database: claim and effect share its
 * transaction, and nothing else matters to the consumer.
 */
class Store {
  interface Effect {
    void on(Store tx, JsonNode event) throws SQLException;
  }

  /** What is done about the types that are known here. */
  static final Map<String, Effect> EFFECTS = Map.of(
      "renewals.RenewalDeadlineApproaching.v1", Store::hear,
      "renewals.ClientRenewalsSnapshot.v1", Store::replace);

  private final Connection database;

  Store(String file) throws SQLException {
    database = DriverManager.getConnection("jdbc:sqlite:" + file);
    run("CREATE TABLE IF NOT EXISTS seen (source, id, PRIMARY KEY (source, id))");
    run("CREATE TABLE IF NOT EXISTS renewals (id PRIMARY KEY, stage, owner, deadline, told integer)");
    run("CREATE TABLE IF NOT EXISTS clients (id PRIMARY KEY, pending integer)");
    database.setAutoCommit(false);
  }

  /** Whether an event comes for the first time. */
  boolean claim(String source, String id) throws SQLException {
    return run("INSERT INTO seen VALUES (?, ?) ON CONFLICT DO NOTHING", source, id) == 1;
  }

  private void hear(JsonNode due) throws SQLException {
    run("""
        INSERT INTO renewals VALUES (?, ?, ?, ?, 1) ON CONFLICT (id) DO UPDATE SET stage =
        excluded.stage, owner = excluded.owner, deadline = excluded.deadline, told = told + 1""",
        due.at("/renewal_id").asText(), due.at("/stage").asText(),
        due.at("/owner/owner").asText(), due.at("/deadline").asText());
  }

  private void replace(JsonNode client) throws SQLException {
    var statuses = client.at("/renewals").valueStream().map(one -> one.at("/status").asText());
    var pending = statuses.filter("pending"::equals).count();
    run("INSERT OR REPLACE INTO clients VALUES (?, ?)", client.at("/client_id").asText(), pending);
  }

  void erase(String client) throws SQLException {
    run("DELETE FROM clients WHERE id = ?", client);
  }

  void commit() throws SQLException {
    database.commit();
  }

  /** Tells what is known, a line of JSON each. */
  void print() throws SQLException {
    var lines = database.createStatement().executeQuery("""
        SELECT json_object('client', id, 'pending', pending) FROM clients UNION ALL SELECT
        json_object('deadline', deadline, 'owner', owner, 'renewal', id, 'stage', stage, 'told', told)
        FROM renewals ORDER BY 1""");
    while (lines.next()) System.out.println(lines.getString(1));
  }

  private int run(String sql, Object... values) throws SQLException {
    try (var statement = database.prepareStatement(sql)) {
      for (int i = 0; i < values.length; i++) statement.setObject(i + 1, values[i]);
      return statement.executeUpdate();
    }
  }
}
