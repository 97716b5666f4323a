/* The life of one detection: the twin of `life.py`. */
#include "kernel.h"

#include <string.h>

static const double CLEARER = 0.1;
enum { LEAST_TOUCHES = 4 };

#define AS_GROUP(name, group) group,
Group group_of(int pattern) {
    static const Group groups[] = {PATTERNS(AS_GROUP)};
    return groups[pattern];
}

/* Say what a candidate is and, of the way it breaks or may break, its levels. */
static void say(Said *said, const Candidate *candidate, int direction, int64_t bar) {
    int side = direction ? direction : 1;
    double above = line_at(&candidate->above, bar), below = line_at(&candidate->below, bar);
    double more = (double)later(candidate->touches - LEAST_TOUCHES, 0);
    said->direction = direction;
    said->pivot_count = candidate->pivot_count;
    said->line_count = candidate->line_count;
    memcpy(said->pivots, candidate->pivots, sizeof(said->pivots));
    memcpy(said->lines, candidate->lines, sizeof(said->lines));
    said->fit = candidate->fit;
    said->strength = 0.7 * candidate->fit + 0.3 * (smaller(more, 4) / 4);
    said->breakout_level = side > 0 ? above : below;
    said->invalidation = side > 0 ? below : above;
    said->target = candidate->has_target ? candidate->target
                                         : said->breakout_level + side * candidate->height;
}

void begin_life(Living *living, const Candidate *candidate, int64_t bar) {
    living->candidate = *candidate;
    say(&living->formed, candidate, candidate->direction, bar);
    living->now = living->formed;
    living->change_count = 0;
    living->volume_confirms = -1;
    living->start = candidate->pivots[0].bar;
    living->end = living->known_at = bar;
    living->confirmed_at = -1;
    living->expires = candidate->expires;
    living->has_ratio = living->is_over = living->is_beaten = living->is_refined = false;
    living->volume_ratio = 0.0;
}

static bool change(Living *living, int state, int64_t bar, double price) {
    living->changes[living->change_count++] = (Change){state, bar, price};
    living->is_over = state != STATE_confirmed;
    if (!living->is_over || living->confirmed_at < 0) {
        living->end = bar;
    }
    return true;
}

static bool confirm(Living *living, const Series *series, int64_t bar, int direction) {
    const Settings *settings = &series->settings;
    const Candidate *candidate = &living->candidate;
    say(&living->now, candidate, direction, bar);
    if (candidate->has_stop) {
        living->now.invalidation = candidate->stop;
    }
    living->confirmed_at = bar;
    living->volume_ratio =
        volume_ratio(series, bar, whole(settings->volume_bars), &living->has_ratio);
    if (living->has_ratio && (direction > 0 || group_of(candidate->pattern) == GAP)) {
        living->volume_confirms = living->volume_ratio >= settings->volume_factor;
    }
    int64_t least = whole(settings->confirmed_share * (double)(bar - living->start));
    living->expires = bar + later(whole(settings->confirmed_min_bars), least);
    return change(living, STATE_confirmed, bar, series->close[bar]);
}

static bool leave(Living *living, const Series *series, int64_t bar, int side) {
    int direction = living->candidate.direction;
    if (direction != 0 && direction != side) {
        return change(living, STATE_failed, bar, series->close[bar]);
    }
    if (bar < living->candidate.earliest) {
        return change(living, STATE_expired, bar, series->close[bar]);
    }
    return confirm(living, series, bar, side);
}

static bool follow_up(Living *living, const Series *series, int64_t bar) {
    int direction = living->now.direction;
    double close = series->close[bar];
    if (direction * (close - living->now.invalidation) < 0) {
        return change(living, STATE_failed, bar, close);
    }
    double extreme = direction > 0 ? series->high[bar] : series->low[bar];
    if (direction * (extreme - living->now.target) >= 0) {
        return change(living, STATE_target_reached, bar, living->now.target);
    }
    return bar >= living->expires && change(living, STATE_expired, bar, close);
}

/* Take a closed bar; return whether it changed the state. */
bool push_life(Living *living, const Series *series, int64_t bar) {
    const Candidate *candidate = &living->candidate;
    if (living->change_count) {
        return follow_up(living, series, bar);
    }
    if (candidate->confirms_at_once) {
        return confirm(living, series, bar, candidate->direction);
    }
    double close = series->close[bar], margin = series->settings.breakout_atr * series->atrs[bar];
    if (close > line_at(&candidate->above, bar) + margin) {
        return leave(living, series, bar, 1);
    }
    if (close < line_at(&candidate->below, bar) - margin) {
        return leave(living, series, bar, -1);
    }
    return bar >= living->expires && change(living, STATE_expired, bar, close);
}

/* Return whether a new reading of the same bars ends this one; it may refine it instead. */
bool yields_to(Living *living, const Candidate *candidate) {
    const Candidate *now = &living->candidate;
    bool clearer = candidate->touches == now->touches && candidate->fit >= now->fit + CLEARER;
    bool is_better = candidate->follows || candidate->touches > now->touches || clearer;
    if (candidate->pattern != now->pattern) {
        return is_better;
    }
    if (is_better) {
        living->candidate = *candidate;
        living->is_refined = true;
        living->expires = candidate->expires;
    }
    return false;
}

void supersede(Living *living, const Series *series, int64_t bar) {
    change(living, STATE_expired, bar, series->close[bar]);
}
