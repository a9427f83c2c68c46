using Tpq.Tests.Fixtures;

namespace Tpq.Docs.Tests.Fixtures;

/// <summary>Spin, which searches all that a model can do. It writes a program in C for it.</summary>
public sealed class SpinPackage() : DebianPackage("spin", "usr/bin")
{
    public static void Need()
    {
        Assert.SkipUnless(IsInReach("spin"), "There is neither a spin nor an apt to fetch it with.");
        Assert.SkipWhen(Find("gcc") is null, "There is no gcc, which spin needs.");
    }
}
