/* Double and triple tops and bottoms, head and shoulders: the twin of `reversals.py`. */
#include "kernel.h"

#include <string.h>

static bool balanced(const Pivot *first, const Pivot *middle, const Pivot *last,
                     const Settings *settings) {
    double sooner = (double)(middle->bar - first->bar), after = (double)(last->bar - middle->bar);
    return smaller(sooner, after) >= settings->leg_balance * larger(sooner, after);
}

static void candidate(Candidate *found, int pattern, int sign, const Pivot *group, int count,
                      Line neckline, const Line *tops, double height, double fit,
                      const Settings *settings) {
    const Pivot *last = group + count - 1;
    double highest = sign * group[0].price;
    for (int place = 2; place < count; place += 2) {
        highest = larger(highest, sign * group[place].price);
    }
    double wrong = tops == NULL ? last->price : sign * highest;
    Line limit = level(ROLE_level, group[0].bar, last->known_at, wrong);
    *found = (Candidate){
        .pattern = pattern,
        .direction = -sign,
        .pivot_count = count,
        .line_count = tops == NULL ? 1 : 2,
        .above = sign > 0 ? limit : neckline,
        .below = sign > 0 ? neckline : limit,
        .height = height,
        .fit = fit,
        .touches = count,
        .expires =
            last->known_at + whole(settings->forming_share * (double)(last->bar - group[0].bar)),
        .stop = wrong,
        .has_stop = true,
    };
    memcpy(found->pivots, group, (size_t)count * sizeof(Pivot));
    found->lines[0] = neckline;
    if (tops != NULL) {
        found->lines[1] = *tops;
    }
}

static bool find_double(const Pivot *group, double before, double smallest,
                        const Settings *settings, Candidate *found) {
    const Pivot *first = group, *valley = group + 1, *second = group + 2;
    int sign = second->is_high ? 1 : -1;
    double top = (first->price + second->price) / 2;
    double height = sign * (top - valley->price);
    if (height < smallest || sign * (valley->price - before) < settings->reversal_trend * height) {
        return false;
    }
    double apart = fabs(first->price - second->price) / (settings->peak_tolerance * height);
    if (apart > 1 || !balanced(first, valley, second, settings)) {
        return false;
    }
    Line neckline = level(ROLE_neckline, first->bar, second->known_at, valley->price);
    Line tops = level(ROLE_level, first->bar, second->bar, top);
    int pattern = sign > 0 ? PATTERN_double_top : PATTERN_double_bottom;
    candidate(found, pattern, sign, group, 3, neckline, &tops, height, fit_of(&apart, 1), settings);
    return true;
}

static bool find_triple(const Pivot *group, double before, double smallest,
                        const Settings *settings, Candidate *found) {
    int sign = group[4].is_high ? 1 : -1;
    double top = (group[0].price + group[2].price + group[4].price) / 3;
    double lowest = smaller(sign * group[1].price, sign * group[3].price);
    double height = sign * top - lowest;
    if (height < smallest || lowest - sign * before < settings->reversal_trend * height) {
        return false;
    }
    double farthest = larger(larger(fabs(group[0].price - top), fabs(group[2].price - top)),
                             fabs(group[4].price - top));
    double apart = farthest / (settings->peak_tolerance * height);
    double uneven = fabs(group[1].price - group[3].price) / height;
    if (apart > 1 || uneven > settings->triple_valley_spread ||
        !balanced(group, group + 2, group + 4, settings)) {
        return false;
    }
    Line neckline = level(ROLE_neckline, group[0].bar, group[4].known_at, sign * lowest);
    Line tops = level(ROLE_level, group[0].bar, group[4].bar, top);
    int pattern = sign > 0 ? PATTERN_triple_top : PATTERN_triple_bottom;
    candidate(found, pattern, sign, group, 5, neckline, &tops, height, fit_of(&apart, 1), settings);
    return true;
}

static bool find_shoulders(const Pivot *group, double before, double smallest,
                           const Settings *settings, Candidate *found) {
    const Pivot *left = group, *head = group + 2, *right = group + 4;
    int sign = right->is_high ? 1 : -1;
    Line neckline = line_through(group + 1, 2, 2, ROLE_neckline, left->bar, right->known_at);
    double height = sign * (head->price - line_at(&neckline, head->bar));
    if (height < smallest || !balanced(left, head, right, settings)) {
        return false;
    }
    double lowest = smaller(sign * group[1].price, sign * group[3].price);
    if (lowest - sign * before < settings->reversal_trend * height / 2) {
        return false;
    }
    double stands_out =
        (sign * head->price - larger(sign * left->price, sign * right->price)) / height;
    double uneven = fabs(left->price - right->price) / height;
    double tilt = fabs(group[1].price - group[3].price) / height;
    double least = smaller(sign * (left->price - line_at(&neckline, left->bar)),
                           sign * (right->price - line_at(&neckline, right->bar))) /
                   height;
    if (!(stands_out >= settings->head_prominence && uneven <= settings->shoulder_spread &&
          tilt <= settings->neckline_slope && least >= settings->shoulder_height)) {
        return false;
    }
    int pattern = sign > 0 ? PATTERN_head_and_shoulders : PATTERN_inverse_head_and_shoulders;
    double off[] = {uneven / settings->shoulder_spread,
                    tilt / larger(settings->neckline_slope, 1e-9)};
    candidate(found, pattern, sign, group, 5, neckline, NULL, height, fit_of(off, 2), settings);
    return true;
}

typedef bool (*Find)(const Pivot *, double, double, const Settings *, Candidate *);

bool find_reversal(const ZigZag *zigzag, const Series *series, int64_t bar, Candidate *found) {
    static const Find finds[] = {find_shoulders, find_triple, find_double};
    static const int counts[] = {5, 5, 3};
    const Settings *settings = &series->settings;
    double smallest = settings->min_height_atr * series->atrs[bar];
    if (smallest <= 0) {
        return false;
    }
    for (int kind = 0; kind < 3; kind++) {
        int first = zigzag->count - counts[kind];
        if (first < 1) {
            continue;
        }
        const Pivot *group = zigzag->pivots + first;
        double span = (double)(group[counts[kind] - 1].bar - group[0].bar);
        if (span >= settings->reversal_min_bars && span <= settings->reversal_max_bars &&
            finds[kind](group, group[-1].price, smallest, settings, found)) {
            return true;
        }
    }
    return false;
}
