using Microsoft.AspNetCore.Http;

namespace Tpq.Internal;

/// <summary>What the doctor finds. An examination looks at much more than the overview: so there is one at a time, for all who ask.</summary>
sealed class DoctorEndpoint(Dashboard dashboard)
{
    static readonly TimeSpan Freshness = TimeSpan.FromSeconds(10);

    readonly Lock _gate = new();
    Task<DoctorJson>? _last;
    long _begun;

    public async Task WriteAsync(HttpContext context) =>
        await Answer.JsonAsync(context, await LastAsync().WaitAsync(context.RequestAborted), DashboardJson.Default.DoctorJson);

    Task<DoctorJson> LastAsync()
    {
        lock (_gate)
        {
            bool isUsable = _last is { IsCompleted: false } or { IsCompletedSuccessfully: true };
            if (!isUsable || (_last!.IsCompleted && dashboard.Client.Time.GetElapsedTime(_begun) > Freshness))
            {
                _begun = dashboard.Client.Time.GetTimestamp();
                _last = Task.Run(ExamineAsync);
            }
            return _last;
        }
    }

    async Task<DoctorJson> ExamineAsync()
    {
        Diagnosis diagnosis = await new Doctor(dashboard.Client).ExamineAsync([], dashboard.Stopping);
        return new DoctorJson(diagnosis.Queues, [.. diagnosis.Findings.Select(FindingJson.Of)]);
    }
}
