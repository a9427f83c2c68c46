namespace Tpq.Internal;

/// <summary>One scan of a queue's primary key, as <see cref="Head"/> has planned it.</summary>
/// <param name="After">It begins behind this id.</param>
/// <param name="IsBack">Whether it is a look back, of which there is one at a time.</param>
/// <param name="Began">When it was begun, as a timestamp of the clock.</param>
/// <param name="IsAlong">Whether it is sent along with a commit, and so may begin behind the position.</param>
readonly record struct Scan(long After, bool IsBack, long Began, bool IsAlong = false)
{
    public bool IsFromFront => After == long.MinValue;
}
