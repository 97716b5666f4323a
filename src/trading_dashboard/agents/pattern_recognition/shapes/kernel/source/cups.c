/* Cup and handle and inverse: the twin of `cups.py`. */
#include "kernel.h"

static int left_rim(const ZigZag *zigzag, int sign, const Settings *settings) {
    double right = sign * zigzag->pivots[zigzag->count - 1].price, lowest = right;
    for (int place = zigzag->count - 2; place >= 0; place--) {
        double price = sign * zigzag->pivots[place].price;
        if (price < lowest) {
            lowest = price;
        } else if (price > right - settings->cup_rim_spread * (right - lowest)) {
            bool fits = price < right + settings->cup_rim_spread * (right - lowest);
            return fits ? place : -1;
        }
    }
    return -1;
}

static bool is_round(const double *closes, int count, int sign, const Settings *settings) {
    double lowest = sign * closes[0], highest = lowest;
    for (int place = 1; place < count; place++) {
        lowest = smaller(lowest, sign * closes[place]);
        highest = larger(highest, sign * closes[place]);
    }
    double third = lowest + (highest - lowest) / 3;
    int low = 0;
    for (int place = 0; place < count; place++) {
        low += sign * closes[place] <= third;
    }
    return !(low < settings->cup_round * count);
}

/* Say how far closes are off a parabola; return whether it is a bowl. */
static bool measure(const double *closes, int count, int sign, double depth,
                    const Settings *settings, double *misfit) {
    double runs[MAX_LOOKBACK], bends[MAX_LOOKBACK], prices[MAX_LOOKBACK];
    if (!is_round(closes, count, sign, settings)) {
        return false;
    }
    double squares = 0.0, sum = 0.0;
    for (int place = 0; place < count; place++) {
        runs[place] = (place - (count - 1) / 2.0) / (count / 2.0);
        bends[place] = runs[place] * runs[place];
        prices[place] = sign * closes[place] / depth;
        squares += bends[place];
        sum += prices[place];
    }
    double middle = squares / count, mean = sum / count, spread = 0.0, bend = 0.0, tilt = 0.0;
    for (int place = 0; place < count; place++) {
        bends[place] -= middle;
        prices[place] -= mean;
        spread += bends[place] * bends[place];
        bend += bends[place] * prices[place];
        tilt += runs[place] * prices[place];
    }
    bend /= spread;
    if (!(bend > 0)) {
        return false;
    }
    tilt /= squares;
    double total = 0.0;
    for (int place = 0; place < count; place++) {
        double off = prices[place] - (tilt * runs[place] + bend * bends[place]);
        total += off * off;
    }
    *misfit = sqrt(total / count) / settings->cup_misfit;
    return *misfit <= 1;
}

static void candidate(Candidate *found, const Pivot *left, const Pivot *bottom, const Pivot *right,
                      int sign, double depth, double misfit, const Settings *settings,
                      int64_t bar) {
    double rim = larger(sign * left->price, sign * right->price) * sign;
    double limit = right->price - sign * settings->handle_depth * depth;
    Line breakout = level(ROLE_level, left->bar, bar, rim);
    Line wrong = level(ROLE_level, right->bar, bar, limit);
    double off[] = {misfit, fabs(left->price - right->price) / (settings->cup_rim_spread * depth)};
    *found = (Candidate){
        .pattern = sign > 0 ? PATTERN_cup_and_handle : PATTERN_inverse_cup_and_handle,
        .direction = sign,
        .pivot_count = 3,
        .pivots = {*left, *bottom, *right},
        .line_count = 3,
        .lines = {breakout,
                  {ROLE_cup, left->bar, bottom->bar, left->price, bottom->price},
                  {ROLE_cup, bottom->bar, right->bar, bottom->price, right->price}},
        .above = sign > 0 ? breakout : wrong,
        .below = sign > 0 ? wrong : breakout,
        .height = depth,
        .fit = fit_of(off, 2),
        .touches = 5,
        .expires = right->bar + whole(settings->handle_share * (double)(right->bar - left->bar)),
        .earliest = right->bar + whole(settings->handle_min_bars),
        .stop = limit,
        .has_stop = true,
    };
}

bool find_cup(const ZigZag *zigzag, const Series *series, int64_t bar, Candidate *found) {
    const Settings *settings = &series->settings;
    const Pivot *right = zigzag->pivots + zigzag->count - 1;
    int sign = right->is_high ? 1 : -1, place = left_rim(zigzag, sign, settings);
    if (place < 1 || place + 2 >= zigzag->count) {
        return false;
    }
    const Pivot *left = zigzag->pivots + place, *bottom = left + 1;
    for (const Pivot *pivot = bottom + 1; pivot < right; pivot++) {
        bottom = sign * pivot->price < sign * bottom->price ? pivot : bottom;
    }
    double span = (double)(right->bar - left->bar);
    double depth = smaller(sign * left->price, sign * right->price) - sign * bottom->price;
    if (!(span >= settings->cup_min_bars && span <= settings->cup_max_bars &&
          depth >= settings->min_height_atr * series->atrs[bar] &&
          sign * (left->price - left[-1].price) >= settings->cup_trend * depth) ||
        left->bar < oldest_at(bar)) {
        return false;
    }
    int count = (int)(right->bar + 1 - left->bar);
    double misfit;
    if (!measure(series->close + left->bar, count, sign, depth, settings, &misfit)) {
        return false;
    }
    candidate(found, left, bottom, right, sign, depth, misfit, settings, bar);
    return true;
}
