/* Which readings of the same bars are told: the twin of `selection.py`. */
#include "kernel.h"

#include <string.h>

static Living *living_at(const Series *series, int64_t place) {
    return (Living *)series->made.items + ((int64_t *)series->open.items)[place];
}

static Told *told_of(const Series *series) { return series->told.items; }

void begin_bar(Series *series, int64_t bar) {
    while (series->forgotten < series->told.count &&
           told_of(series)[series->forgotten].last < bar - MAX_LOOKBACK) {
        series->forgotten++;
    }
}

static void keep_open(Series *series) {
    int64_t *open = series->open.items, kept = 0;
    for (int64_t place = 0; place < series->open.count; place++) {
        if (!living_at(series, place)->is_over) {
            open[kept++] = open[place];
        }
    }
    series->open.count = kept;
}

static bool is_within(const Series *series, const Living *other, const Living *living,
                      int64_t bar) {
    if (group_of(other->candidate.pattern) == GAP) {
        return false;
    }
    double shared = (double)(bar - later(other->start, living->start) + 1);
    return shared >= series->settings.overlap_share * (double)(bar - other->start + 1);
}

/* A breakout ends all that are still forming over its bars. */
static void note(Series *series, Living *living, int64_t bar) {
    if (living->confirmed_at != bar || group_of(living->candidate.pattern) == GAP) {
        return;
    }
    Told *told = one_more(series, &series->told, sizeof(Told));
    if (told == NULL) {
        return;
    }
    *told = (Told){living->start, bar};
    for (int64_t place = 0; place < series->open.count; place++) {
        Living *other = living_at(series, place);
        if (other != living && !other->change_count && is_within(series, other, living, bar)) {
            supersede(other, series, bar);
        }
    }
}

/* Take a closed bar to all open detections. */
void follow(Series *series, int64_t bar) {
    bool moved = false;
    for (int64_t place = 0; place < series->open.count; place++) {
        Living *living = living_at(series, place);
        if (!living->is_over && push_life(living, series, bar)) {
            moved = true;
            note(series, living, bar);
        }
    }
    if (moved) {
        keep_open(series);
    }
}

bool is_explained(const Series *series, int64_t start, int64_t bar) {
    double least = series->settings.overlap_share * (double)(bar - start + 1);
    for (int64_t place = series->forgotten; place < series->told.count; place++) {
        const Told *told = told_of(series) + place;
        if ((double)(told->last - later(told->first, start) + 1) >= least) {
            return true;
        }
    }
    return false;
}

static bool is_peaks(int pattern) {
    return pattern == PATTERN_double_top || pattern == PATTERN_double_bottom ||
           pattern == PATTERN_triple_top || pattern == PATTERN_triple_bottom;
}

static bool are_rivals(int one, int other) {
    return group_of(one) == group_of(other) || (one == PATTERN_rectangle && is_peaks(other)) ||
           (other == PATTERN_rectangle && is_peaks(one));
}

static bool has_room(Series *series, const Candidate *candidate, int64_t bar) {
    int64_t start = candidate->pivots[0].bar, beaten = 0;
    if (group_of(candidate->pattern) == GAP) {
        return true;
    }
    if (is_explained(series, start, bar)) {
        return false;
    }
    /* First whom it beats, then their end: one that does not yield keeps all others, too. */
    for (int64_t place = 0; place < series->open.count; place++) {
        Living *living = living_at(series, place);
        living->is_beaten = false;
        if (living->change_count || !are_rivals(living->candidate.pattern, candidate->pattern)) {
            continue;
        }
        double shared = (double)(bar - later(start, living->start) + 1);
        double shorter = smaller((double)(bar - start + 1), (double)(bar - living->start + 1));
        if (shared < series->settings.overlap_share * shorter) {
            continue;
        }
        if (!yields_to(living, candidate)) {
            return false;
        }
        living->is_beaten = true;
        beaten++;
    }
    for (int64_t place = 0; beaten && place < series->open.count; place++) {
        if (living_at(series, place)->is_beaten) {
            supersede(living_at(series, place), series, bar);
        }
    }
    return true;
}

/* Those of most touches first, then of the earliest start, then by name. */
static bool comes_before(const Candidate *one, const Candidate *other) {
    if (one->touches != other->touches) {
        return one->touches > other->touches;
    }
    if (one->pivots[0].bar != other->pivots[0].bar) {
        return one->pivots[0].bar < other->pivots[0].bar;
    }
    return one->pattern < other->pattern;
}

static void insert(Series *series, int64_t number) {
    Living *made = series->made.items;
    if (one_more(series, &series->open, sizeof(int64_t)) == NULL) {
        return;
    }
    int64_t *open = series->open.items, low = 0, high = series->open.count - 1;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (comes_before(&made[number].candidate, &made[open[middle]].candidate)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    memmove(open + low + 1, open + low,
            (size_t)(series->open.count - 1 - low) * sizeof(int64_t));
    open[low] = number;
}

/* Take a new candidate: tell it, let it replace another, or drop it. */
void offer(Series *series, const Candidate *candidate, int64_t bar) {
    if (!(series->wanted >> candidate->pattern & 1) || !has_room(series, candidate, bar)) {
        return;
    }
    Living *living = one_more(series, &series->made, sizeof(Living));
    if (living == NULL) {
        return;
    }
    begin_life(living, candidate, bar);
    push_life(living, series, bar);
    note(series, living, bar);
    if (!living->is_over) {
        insert(series, series->made.count - 1);
    }
    keep_open(series);
}
