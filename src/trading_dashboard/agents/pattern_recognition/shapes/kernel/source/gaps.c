/* Breakaway, runaway and exhaustion gaps: the twin of `gaps.py`. */
#include "kernel.h"

static Pivot before_gap(const TrendGap *gap) {
    return (Pivot){gap->bar - 1, gap->bar, gap->edge, gap->sign > 0};
}

static Pivot after_gap(const TrendGap *gap) {
    return (Pivot){gap->bar, gap->bar, gap->far_edge, gap->sign < 0};
}

static Candidate breakaway(const TrendGap *gap, int64_t first, double bottom, double top,
                           const Settings *settings) {
    int64_t bar = gap->bar;
    return (Candidate){
        .pattern = PATTERN_breakaway_gap,
        .direction = gap->sign,
        .pivot_count = 3,
        .pivots = {{first, bar, gap->sign > 0 ? bottom : top, gap->sign < 0},
                   before_gap(gap),
                   after_gap(gap)},
        .line_count = 2,
        .lines = {{ROLE_upper, first, bar, top, top}, {ROLE_lower, first, bar, bottom, bottom}},
        .above = level(ROLE_level, bar - 1, bar, top),
        .below = level(ROLE_level, bar - 1, bar, bottom),
        .height = top - bottom,
        .fit = 1.0,
        .touches = 4,
        .expires = bar + whole(settings->gap_fill_bars),
        .stop = gap->edge,
        .has_stop = true,
        .confirms_at_once = true,
    };
}

static Candidate runaway(const TrendGap *gap, const Series *series) {
    const Settings *settings = &series->settings;
    int64_t bar = gap->bar;
    int sign = gap->sign;
    double extreme = sign > 0 ? series->high[bar] : series->low[bar];
    Line onward = level(ROLE_level, bar, bar,
                        extreme + sign * settings->gap_follow_atr * series->atrs[bar]);
    Line filled = level(ROLE_level, bar - 1, bar, gap->edge);
    double height = sign * ((gap->edge + gap->far_edge) / 2 - gap->start_price);
    return (Candidate){
        .pattern = PATTERN_runaway_gap,
        .direction = sign,
        .pivot_count = 3,
        .pivots = {{gap->start, bar, gap->start_price, sign < 0}, before_gap(gap), after_gap(gap)},
        .line_count = 2,
        .lines = {filled, level(ROLE_level, bar, bar, gap->far_edge)},
        .above = sign > 0 ? onward : filled,
        .below = sign > 0 ? filled : onward,
        .height = height,
        .fit = 1.0,
        .touches = 4,
        .expires = bar + whole(settings->gap_fill_bars),
        .stop = gap->edge,
        .has_stop = true,
        .target = (gap->edge + gap->far_edge) / 2 + sign * height,
        .has_target = true,
    };
}

static Candidate exhaustion(const TrendGap *gap, const Series *series, int64_t bar) {
    const Settings *settings = &series->settings;
    int64_t first = gap->bar;
    int sign = gap->sign;
    double extreme = sign > 0 ? highest_of(series->high, first, bar + 1)
                              : lowest_of(series->low, first, bar + 1);
    Line wrong = level(ROLE_level, first, bar, extreme);
    Line filled = level(ROLE_level, first - 1, bar, gap->edge);
    double move = sign * (gap->edge - gap->start_price);
    Candidate found = {
        .pattern = PATTERN_exhaustion_gap,
        .direction = -sign,
        .pivot_count = 3,
        .pivots = {{gap->start, bar, gap->start_price, sign < 0}, before_gap(gap), after_gap(gap)},
        .line_count = 2,
        .lines = {filled, level(ROLE_level, first, bar, gap->far_edge)},
        .above = sign > 0 ? wrong : filled,
        .below = sign > 0 ? filled : wrong,
        .height = settings->gap_retrace * move,
        .fit = 1.0,
        .touches = 4,
        .expires = bar,
        .stop = extreme,
        .has_stop = true,
        .target = gap->edge - sign * settings->gap_retrace * move,
        .has_target = true,
        .confirms_at_once = true,
    };
    return found;
}

static bool has_room(const Candidate *candidate, int64_t bar) {
    int sign = candidate->direction;
    const Line *onward = sign > 0 ? &candidate->above : &candidate->below;
    return sign * (candidate->target - line_at(onward, bar)) > 0;
}

static void opened(Series *series, int64_t bar, int sign, double edge) {
    const Settings *settings = &series->settings;
    const double *close = series->close;
    int64_t first = bar - whole(settings->gap_bars);
    double top = highest_of(series->high, first, bar), atr = series->atrs[bar - 1];
    double bottom = lowest_of(series->low, first, bar), height = top - bottom;
    double net = sign * (close[bar - 1] - close[first]);
    bool beyond = sign > 0 ? close[bar] > top : close[bar] < bottom;
    TrendGap gap = {bar, first, sign, edge, sign > 0 ? series->low[bar] : series->high[bar],
                    sign > 0 ? bottom : top};
    if (net >= settings->gap_trend_atr * atr && net >= settings->gap_efficiency * height) {
        const double *prices = sign > 0 ? series->low : series->high;
        while (gap.start < bar - 1 && prices[gap.start] != gap.start_price) {
            gap.start++;
        }
        TrendGap *kept = one_more(series, &series->gaps, sizeof(TrendGap));
        if (kept == NULL) {
            return;
        }
        *kept = gap;
        Candidate found = runaway(&gap, series);
        if (has_room(&found, bar)) {
            offer(series, &found, bar);
        }
    } else if (beyond && height <= settings->gap_range_atr * atr) {
        Candidate found = breakaway(&gap, first, bottom, top, settings);
        offer(series, &found, bar);
    }
}

static void fill(Series *series, int64_t bar) {
    TrendGap *gaps = series->gaps.items;
    int64_t kept = 0;
    for (int64_t place = 0; place < series->gaps.count; place++) {
        TrendGap gap = gaps[place];
        if (gap.sign * (series->close[bar] - gap.edge) < 0) {
            Candidate found = exhaustion(&gap, series, bar);
            offer(series, &found, bar);
        } else if ((double)(bar - gap.bar) < series->settings.gap_fill_bars) {
            gaps[kept++] = gap;
        }
    }
    series->gaps.count = kept;
}

/* Offer the gaps that a closed bar opened, and those it showed to be exhaustion. */
void push_gaps(Series *series, int64_t bar) {
    const Settings *settings = &series->settings;
    fill(series, bar);
    if ((double)bar <= settings->gap_bars) {
        return;
    }
    double high = series->high[bar - 1], low = series->low[bar - 1];
    double least = settings->gap_atr * series->atrs[bar - 1];
    if (least > 0 && series->low[bar] - high >= least) {
        opened(series, bar, 1, high);
    } else if (least > 0 && low - series->high[bar] >= least) {
        opened(series, bar, -1, low);
    }
}
