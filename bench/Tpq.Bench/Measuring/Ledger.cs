namespace Tpq.Bench.Measuring;

/// <summary>
/// The table into which consumers write one row for each message. Its sequence tells how many there are without a look at the rows, for
/// every system alike and whatever process it runs in.
/// </summary>
sealed class Ledger(Database database)
{
    public const string Insert = "INSERT INTO ledger (message) VALUES ($1)";

    public Task RenewAsync(CancellationToken cancellationToken) => database.ExecuteAsync(
        """
        DROP TABLE IF EXISTS ledger;
        CREATE TABLE ledger (number bigserial, message bigint NOT NULL)
        """,
        cancellationToken);

    public Task<long> CountAsync(CancellationToken cancellationToken) =>
        database.ScalarAsync<long>("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM ledger_number_seq", cancellationToken);
}
