import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Locale;
import java.util.StringJoiner;

/**
 * Does with a server what users of a JDBC driver do: one line each, with what was answered.
 * Arguments: mysql|mariadb HOST PORT USER PASSWORD plain|tls STATEMENTS
 */
public class Drive {
    public static void main(String[] args) throws Exception {
        String scheme = args[0];
        boolean tls = args[5].equals("tls");
        // MariaDB's driver verifies the server by itself, by what its account knows: nothing is said of certificates.
        String security = scheme.equals("mysql")
            ? (tls ? "sslMode=REQUIRED" : "sslMode=DISABLED&allowPublicKeyRetrieval=true")
            : (tls ? "sslMode=verify-full" : "sslMode=disable&allowPublicKeyRetrieval=true");
        for (boolean prepares : new boolean[] {false, true}) {
            String url = "jdbc:" + scheme + "://" + args[1] + ":" + args[2] + "/?" + security
                + "&useServerPrepStmts=" + prepares + "&connectTimeout=20000&socketTimeout=60000";
            try (Connection connection = DriverManager.getConnection(url, args[3], args[4])) {
                drive(connection, args[6]);
            }
        }
        System.out.println("closed");
    }

    private static void drive(Connection connection, String path) throws Exception {
        System.out.println("valid " + connection.isValid(10));
        DatabaseMetaData about = connection.getMetaData();
        System.out.println("version " + about.getDatabaseProductVersion());
        System.out.println("isolation " + connection.getTransactionIsolation());
        System.out.println("catalog " + connection.getCatalog());
        for (String line : Files.readAllLines(Path.of(path))) {
            String[] parts = line.split(" ", 2);
            System.out.println("text " + parts[1] + " " + text(connection, parts[0], parts[1]));
            System.out.println("prepared " + parts[1] + " " + prepared(connection, parts[0], parts[1]));
        }
        connection.setAutoCommit(false);
        for (boolean commits : new boolean[] {true, false}) {
            System.out.println("transaction " + text(connection, "values", "SELECT 1"));
            if (commits) {
                connection.commit();
            } else {
                connection.rollback();
            }
        }
        connection.setAutoCommit(true);
        connection.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
        connection.setReadOnly(true);
        System.out.println("read-only " + connection.isReadOnly());
        connection.setReadOnly(false);
        connection.setCatalog("information_schema");
        System.out.println("catalog " + connection.getCatalog());
        System.out.println("warnings " + connection.getWarnings());
    }

    private static String text(Connection connection, String kind, String sql) throws SQLException {
        if (kind.equals("parameters")) {
            return "";
        }
        try (Statement statement = connection.createStatement()) {
            return statement.execute(sql) ? rows(statement.getResultSet(), kind) : "OK";
        } catch (SQLException error) {
            return number(error);
        }
    }

    private static String prepared(Connection connection, String kind, String sql) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement(sql)) {
            if (kind.equals("parameters")) {
                statement.setInt(1, 7);
                statement.setString(2, "it's\u00fc");
                statement.setNull(3, java.sql.Types.VARCHAR);
            }
            return statement.execute() ? rows(statement.getResultSet(), kind) : "OK";
        } catch (SQLException error) {
            return number(error);
        }
    }

    private static String rows(ResultSet rows, String kind) throws SQLException {
        ResultSetMetaData about = rows.getMetaData();
        StringJoiner shown = new StringJoiner(" ");
        for (int column = 1; column <= about.getColumnCount(); column++) {
            shown.add(about.getColumnLabel(column));
        }
        while (rows.next() && !kind.equals("columns")) {
            StringJoiner row = new StringJoiner(",", "[", "]");
            for (int column = 1; column <= about.getColumnCount(); column++) {
                row.add(String.valueOf(rows.getString(column)));
            }
            shown.merge(row);
        }
        return shown.toString();
    }

    private static String number(SQLException error) throws SQLException {
        if (error.getErrorCode() == 0 || error.getSQLState().toUpperCase(Locale.ROOT).startsWith("08")) {
            throw error;
        }
        return "error " + error.getErrorCode();
    }
}
