/*
 * The names of the verdicts.
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "judge.h"

const char *verdict_name(Verdict verdict)
{
    static const char *const names[] = {
        [VERDICT_SAME] = "same",
        [VERDICT_FASTER] = "faster",
        [VERDICT_SLOWER] = "slower",
        [VERDICT_CANNOT_TELL] = "cannot tell",
        [VERDICT_NOT_COMPARABLE] = "not comparable",
    };

    return names[verdict];
}

const char *verdict_word(Verdict verdict)
{
    switch (verdict) {
    case VERDICT_CANNOT_TELL:
        return "cannot-tell";
    case VERDICT_NOT_COMPARABLE:
        return "not-comparable";
    default:
        return verdict_name(verdict);
    }
}
