/* Turning points: the twin of `pivots.py`. */
#include "kernel.h"

#include <string.h>

static Pivot *turn(ZigZag *zigzag, int64_t bar, double price) {
    if (zigzag->count == KEPT) {
        memmove(zigzag->pivots, zigzag->pivots + 1, (KEPT - 1) * sizeof(Pivot));
        zigzag->count--;
    }
    Pivot *pivot = zigzag->pivots + zigzag->count++;
    *pivot = (Pivot){zigzag->bar, bar, zigzag->price, zigzag->side > 0};
    zigzag->side = -zigzag->side;
    zigzag->bar = bar;
    zigzag->price = price;
    return pivot;
}

static Pivot *begin(ZigZag *zigzag, int64_t bar, double high, double low, double reach) {
    if (zigzag->bar < 0 || high > zigzag->price) {
        zigzag->bar = bar;
        zigzag->price = high;
    }
    if (zigzag->other_bar < 0 || low < zigzag->other_price) {
        zigzag->other_bar = bar;
        zigzag->other_price = low;
    }
    if (reach <= 0.0) {
        return NULL;
    }
    bool fell = zigzag->price - low >= reach, rose = high - zigzag->other_price >= reach;
    if (fell && !rose && zigzag->bar < bar) {
        zigzag->side = 1;
        return turn(zigzag, bar, low);
    }
    if (rose && !fell && zigzag->other_bar < bar) {
        zigzag->side = -1;
        zigzag->bar = zigzag->other_bar;
        zigzag->price = zigzag->other_price;
        return turn(zigzag, bar, high);
    }
    return NULL;
}

Pivot *push_zigzag(ZigZag *zigzag, int64_t bar, double high, double low, double atr) {
    if (zigzag->side > 0) {
        if (high > zigzag->price) {
            zigzag->bar = bar;
            zigzag->price = high;
        } else if (zigzag->price - low >= zigzag->factor * atr && low < zigzag->price) {
            return turn(zigzag, bar, low);
        }
    } else if (zigzag->side < 0) {
        if (low < zigzag->price) {
            zigzag->bar = bar;
            zigzag->price = low;
        } else if (high - zigzag->price >= zigzag->factor * atr && high > zigzag->price) {
            return turn(zigzag, bar, high);
        }
    } else {
        return begin(zigzag, bar, high, low, zigzag->factor * atr);
    }
    return NULL;
}
