using System.Text.Json.Serialization;
using Tpq.Internal.Overview;

namespace Tpq.Internal;

/// <summary>All that goes to and comes from the page, by generated code.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(ErrorJson))]
[JsonSerializable(typeof(LiveJson))]
[JsonSerializable(typeof(MessagesJson))]
[JsonSerializable(typeof(MessageJson))]
[JsonSerializable(typeof(HeldJson))]
[JsonSerializable(typeof(DoctorJson))]
[JsonSerializable(typeof(TokenJson))]
[JsonSerializable(typeof(DoneJson))]
[JsonSerializable(typeof(PutRequest))]
[JsonSerializable(typeof(MessageRequest))]
[JsonSerializable(typeof(QueueRequest))]
[JsonSerializable(typeof(MoveRequest))]
sealed partial class DashboardJson : JsonSerializerContext;

sealed record ErrorJson(string Error);

/// <param name="Messages">In order.</param>
/// <param name="HasMore">Whether there are more behind the last one.</param>
sealed record MessagesJson(IReadOnlyList<MessageJson> Messages, bool HasMore);

/// <summary>As <see cref="ListedMessage"/>, but an id is text: a number of JavaScript cannot hold every one.</summary>
sealed record MessageJson(string Id, string Data, long Bytes, DateTimeOffset? EnqueuedAt, int Attempts, string? Headers, bool InHand, DateTimeOffset? DueAt)
{
    public static MessageJson Of(ListedMessage m) => new(
        m.Id.ToString(System.Globalization.CultureInfo.InvariantCulture), m.Data, m.Bytes, m.EnqueuedAt, m.Attempts, m.Headers, m.IsInHand, m.DueAt);
}

sealed record HeldJson(IReadOnlyList<Holder> Holders, IReadOnlyList<HeldMessageJson> Messages);

sealed record HeldMessageJson(string Id, DateTimeOffset? EnqueuedAt, int? Process, DateTimeOffset? LeasedUntil)
{
    public static HeldMessageJson Of(HeldMessage m) => new(m.Id.ToString(System.Globalization.CultureInfo.InvariantCulture), m.EnqueuedAt, m.Process, m.LeasedUntil);
}

/// <param name="Queues">How many queues were examined.</param>
/// <param name="Findings">The worst first.</param>
sealed record DoctorJson(int Queues, IReadOnlyList<FindingJson> Findings);

sealed record FindingJson(string Severity, string Check, string? Queue, string Title, string Evidence, string Remedy)
{
    public static FindingJson Of(Finding f) => new(f.Severity.ToString(), f.Check, f.Queue, f.Title, f.Evidence, f.Remedy);
}

/// <param name="Token">The token.</param>
/// <param name="Header">The header in which it is expected.</param>
sealed record TokenJson(string Token, string Header);

/// <param name="Count">How many messages it was.</param>
/// <param name="Id">Of a message that was put.</param>
sealed record DoneJson(long Count, string? Id = null);
