namespace Tpq.Chaos.Faults;

enum FaultClass
{
    /// <summary>Over at once: several a second strike, into each other.</summary>
    Cheap,

    /// <summary>One takes seconds: one strikes after the other, beside the cheap ones.</summary>
    Costly,

    /// <summary>A condition that lasts for minutes, in which all the others strike.</summary>
    Lasting,
}
