using System.CommandLine;

namespace Tpq.Cli;

static class QueueArgument
{
    public static Argument<string> Create(string name = "queue", string description = "The queue's name: any text.") =>
        new(name) { Description = description };
}
