/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds a small circuit for an S-box of DES; find_des_circuits.py compiles and runs it.
 *
 *     find_des_circuits STARTS STEPS SEED  < 64 outputs, 0 to 15, of the inputs 0 to 63
 *
 * A wire is its truth table: bit x of a 64-bit word is its value for the input x. A gate is XOR
 * of two wires, or AND of two wires or their complements. The cost is what bit-slicing pays: one
 * for a gate, and one for each wire that is wanted both as it is and complemented. Other
 * complements are free: an AND of complements is an OR seen from behind, XOR carries them along,
 * and whoever uses the circuit gives inputs and takes outputs in either form.
 *
 * 1. STARTS times a circuit is grown, output by output. A wanted function is a wire that is
 *    there, or one or two gates over such, or else a choice between its two halves by an input
 *    bit; all input bits are tried, in random order, and the cheapest stays. What a function does
 *    is asked only where it matters, so the further down, the more wires will do.
 * 2. The best of them are annealed for STEPS steps each. A step takes out a gate, works out for
 *    which inputs its value matters to any output, and puts in another gate that agrees there,
 *    or two, or grows a replacement for the gate and all that only it needed.
 *
 * Everything follows from the arguments, so a run can be repeated.
 */

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    INPUTS = 6,
    OUTPUTS = 4,
    ALL_INPUTS = (1 << INPUTS) - 1,
    MOST_WIRES = 126,
    ANNEALED = 16,  /* grown circuits that are annealed */
    SLACK = 4,      /* how much larger than the smallest so far a grown circuit may be */
    FIRST_LIMIT = 80,
};

/* Of annealing: temperatures, and how often a step does what. */
static const double HOT = 0.47, COLD = 0.12, REGROWING = 0.6, SPLITTING = 0.3, LARGE = 0.2,
                    GROWING = 0.1;
enum { SMALL_CONE = 6, LARGE_CONE = 12 };

typedef unsigned __int128 set;

typedef struct {
    uint8_t is_xor, a, b, not_a, not_b, stored; /* stored: held complemented */
} gate;

typedef struct {
    int count; /* wires: the inputs, then gates in an order in which they can be computed */
    gate gates[MOST_WIRES];
    uint8_t outputs[OUTPUTS];
} circuit;

static const uint64_t INPUT[INPUTS] = {/* input 0 is the most significant bit of x */
    0xFFFFFFFF00000000u, 0xFFFF0000FFFF0000u, 0xFF00FF00FF00FF00u,
    0xF0F0F0F0F0F0F0F0u, 0xCCCCCCCCCCCCCCCCu, 0xAAAAAAAAAAAAAAAAu,
};

static uint64_t wanted[OUTPUTS];
static uint64_t random_state;

static uint64_t random_word(void)
{
    uint64_t z = random_state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static int below(int limit) { return (int)((random_word() >> 32) * (uint64_t)limit >> 32); }

static double chance(void) { return (double)(random_word() >> 11) / 9007199254740992.0; }

static uint64_t inverted(uint64_t value, int invert) { return invert ? ~value : value; }

static uint64_t value_of(const gate *g, const uint64_t *values)
{
    uint64_t a = values[g->a], b = values[g->b];
    return g->is_xor ? a ^ b : inverted(a, g->not_a) & inverted(b, g->not_b);
}

static void evaluate(const circuit *c, uint64_t *values)
{
    memcpy(values, INPUT, sizeof INPUT);
    for (int n = INPUTS; n < c->count; n++)
        values[n] = value_of(&c->gates[n], values);
}

/* --- cost ------------------------------------------------------------------------------------ */

/* Wires that are wanted in both polarities, given how AND gates and inputs are stored. */
static int inverters(circuit *c)
{
    uint8_t demand[MOST_WIRES] = {0};
    int count = 0;
    for (int n = INPUTS; n < c->count; n++) {
        gate *g = &c->gates[n];
        if (g->is_xor) {
            g->stored = c->gates[g->a].stored ^ c->gates[g->b].stored;
        } else {
            demand[g->a] |= (uint8_t)(1 << (g->not_a ^ g->stored));
            demand[g->b] |= (uint8_t)(1 << (g->not_b ^ g->stored));
        }
    }
    for (int n = 0; n < c->count; n++)
        count += demand[n] >> (c->gates[n].stored ^ 1) & 1;
    return count;
}

/* Cost of a circuit; stores wires in the polarity that costs least, as far as single changes go. */
static int settle(circuit *c)
{
    int best = inverters(c);
    for (int changed = 1; changed && best;) {
        changed = 0;
        for (int n = 0; n < c->count; n++) {
            if (n >= INPUTS && c->gates[n].is_xor)
                continue;
            c->gates[n].stored ^= 1;
            int now = inverters(c);
            if (now < best || (now == best && !(random_word() & 7))) {
                changed |= now < best;
                best = now;
            } else {
                c->gates[n].stored ^= 1;
            }
        }
    }
    inverters(c);
    return c->count - INPUTS + best;
}

/* --- changing a circuit ---------------------------------------------------------------------- */

typedef struct {
    uint64_t values[MOST_WIRES]; /* of all wires */
    uint64_t care;               /* the inputs for which an output depends on the chosen wire */
    set behind;                  /* the chosen wire and those that depend on it */
    int chosen;
} view;

static void look(const circuit *c, int chosen, view *v)
{
    uint64_t other[MOST_WIRES]; /* values if the chosen wire were complemented */
    evaluate(c, v->values);
    memcpy(other, v->values, sizeof(uint64_t) * (size_t)c->count);
    other[chosen] = ~v->values[chosen];
    v->chosen = chosen;
    v->behind = (set)1 << chosen;
    v->care = 0;
    for (int n = chosen + 1; n < c->count; n++) {
        const gate *g = &c->gates[n];
        if ((v->behind >> g->a | v->behind >> g->b) & 1) {
            v->behind |= (set)1 << n;
            other[n] = value_of(g, other);
        }
    }
    for (int o = 0; o < OUTPUTS; o++)
        v->care |= v->values[c->outputs[o]] ^ other[c->outputs[o]];
}

static int is_behind(const view *v, int n) { return (int)(v->behind >> n & 1); }

static void begin(circuit *to, int *moved, const circuit *from)
{
    to->count = INPUTS;
    memcpy(to->gates, from->gates, INPUTS * sizeof(gate));
    for (int n = 0; n < MOST_WIRES; n++)
        moved[n] = n < INPUTS ? n : -1;
}

/* Copy a wire and what it needs. */
static int place(const circuit *from, circuit *to, int *moved, int n)
{
    if (moved[n] < 0) {
        gate g = from->gates[n];
        g.a = (uint8_t)place(from, to, moved, g.a);
        g.b = (uint8_t)place(from, to, moved, g.b);
        moved[n] = to->count;
        to->gates[to->count++] = g;
    }
    return moved[n];
}

/* Put gates in an order in which they can be computed, and leave out what no output needs. */
static void tidy(circuit *c)
{
    circuit to;
    int moved[MOST_WIRES];
    begin(&to, moved, c);
    for (int o = 0; o < OUTPUTS; o++)
        to.outputs[o] = (uint8_t)place(c, &to, moved, c->outputs[o]);
    *c = to;
}

/* Give all users of the chosen wire the wire `now`, complemented if `invert`. */
static void rewire(circuit *c, const view *v, int now, int invert)
{
    uint8_t flipped[MOST_WIRES] = {0};
    int last = c->count;
    flipped[v->chosen] = (uint8_t)invert;
    for (int n = v->chosen + 1; n < last; n++) {
        gate *g = &c->gates[n];
        if (!is_behind(v, n))
            continue;
        if (g->is_xor) {
            flipped[n] = flipped[g->a] ^ flipped[g->b];
        } else {
            g->not_a ^= flipped[g->a];
            g->not_b ^= flipped[g->b];
        }
        if (g->a == v->chosen)
            g->a = (uint8_t)now;
        if (g->b == v->chosen)
            g->b = (uint8_t)now;
    }
    for (int o = 0; o < OUTPUTS; o++)
        if (c->outputs[o] == v->chosen)
            c->outputs[o] = (uint8_t)now;
    tidy(c);
}

/* Whether a gate of some form over x and y gives `target` or its complement where it matters. */
static int match(uint64_t x, uint64_t y, uint64_t target, uint64_t care, int first, int *invert,
                 gate *found)
{
    for (int k = 0; k < 5; k++) {
        int form = (first + k) % 5;
        uint64_t z = form == 4 ? x ^ y : inverted(x, form & 1) & inverted(y, form >> 1);
        uint64_t difference = (z ^ target) & care;
        if (difference && difference != care)
            continue;
        *invert = difference != 0;
        found->is_xor = form == 4;
        found->not_a = form == 4 ? 0 : form & 1;
        found->not_b = form == 4 ? 0 : (uint8_t)(form >> 1);
        return 1;
    }
    return 0;
}

static int same(const gate *g, const gate *h)
{
    return g->is_xor == h->is_xor && g->a == h->a && g->b == h->b && g->not_a == h->not_a &&
           g->not_b == h->not_b;
}

/* Put a gate in the place of the chosen one. */
static int replace(circuit *c, const view *v, gate *g, int invert)
{
    g->stored = c->gates[v->chosen].stored ^ (uint8_t)invert;
    c->gates[c->count] = *g;
    rewire(c, v, c->count++, invert);
    return 1;
}

/* Another wire or another gate for a random one; false if there is none. */
static int swap(circuit *c)
{
    view v;
    uint8_t usable[MOST_WIRES];
    int count = 0, found = 0, invert, best_invert = 0, form = below(5);
    gate now = {0}, best = {0};
    look(c, INPUTS + below(c->count - INPUTS), &v);
    uint64_t target = v.values[v.chosen], ones = target & v.care, zeros = ~target & v.care;
    for (int n = 0; n < c->count; n++)
        if (!is_behind(&v, n))
            usable[count++] = (uint8_t)n;
    for (int k = 0, start = below(count); k < count; k++) {
        int n = usable[(start + k) % count];
        uint64_t difference = (v.values[n] ^ target) & v.care;
        if (!difference || difference == v.care) {
            rewire(c, &v, n, difference != 0);
            return 1;
        }
    }
    for (int i = 0; i < count; i++)
        for (int j = i + 1; j < count; j++) {
            uint64_t x = v.values[usable[i]], y = v.values[usable[j]];
            if (((ones & x & y) && (zeros & x & y)) || ((ones & x & ~y) && (zeros & x & ~y)) ||
                ((ones & ~x & y) && (zeros & ~x & y)) || ((ones & ~x & ~y) && (zeros & ~x & ~y)))
                continue; /* x and y do not tell a one from a zero, so no gate over them does */
            if (!match(x, y, target, v.care, form, &invert, &now))
                continue;
            now.a = usable[i];
            now.b = usable[j];
            if (!same(&now, &c->gates[v.chosen]) && !below(++found)) {
                best = now;
                best_invert = invert;
            }
        }
    return found ? replace(c, &v, &best, best_invert) : 0;
}

/* Two gates for a random one, the first of them random; false if there is no second. */
static int split(circuit *c)
{
    view v;
    uint8_t usable[MOST_WIRES];
    int count = 0, found = 0, invert, best_invert = 0, form = below(5);
    gate first = {0}, now = {0}, best = {0};
    if (c->count > MOST_WIRES - 4)
        return 0;
    look(c, INPUTS + below(c->count - INPUTS), &v);
    for (int n = 0; n < c->count; n++)
        if (!is_behind(&v, n))
            usable[count++] = (uint8_t)n;
    first.a = usable[below(count)];
    do
        first.b = usable[below(count)];
    while (first.a == first.b);
    first.is_xor = form == 4;
    if (form < 4) {
        first.not_a = form & 1;
        first.not_b = (uint8_t)(form >> 1);
    }
    uint64_t value = value_of(&first, v.values);
    for (int k = 0; k < count; k++)
        if (match(v.values[usable[k]], value, v.values[v.chosen], v.care, below(5), &invert,
                  &now) && !below(++found)) {
            best = now;
            best.a = usable[k];
            best.b = (uint8_t)c->count;
            best_invert = invert;
        }
    if (!found)
        return 0;
    c->gates[c->count++] = first;
    return replace(c, &v, &best, best_invert);
}

/* --- growing a circuit ----------------------------------------------------------------------- */

static uint64_t grown_values[MOST_WIRES];

static int add(circuit *c, int is_xor, int a, int not_a, int b, int not_b)
{
    gate g = {(uint8_t)is_xor, (uint8_t)a, (uint8_t)b, (uint8_t)not_a, (uint8_t)not_b, 0};
    c->gates[c->count] = g;
    grown_values[c->count] = value_of(&g, grown_values);
    return c->count++;
}

static int has_wire(const circuit *c, uint64_t target, uint64_t care, int *invert)
{
    for (int k = c->count, n = below(k); k; k--, n = n ? n - 1 : c->count - 1) {
        uint64_t difference = (grown_values[n] ^ target) & care;
        if (!difference || difference == care) {
            *invert = difference != 0;
            return n;
        }
    }
    return -1;
}

/* One gate over two wires. */
static int one_gate(circuit *c, uint64_t target, uint64_t care, int *invert)
{
    int count = c->count, start = below(count);
    uint64_t masked[MOST_WIRES];
    target &= care;
    for (int n = 0; n < count; n++)
        masked[n] = grown_values[n] & care;
    for (int i = 0; i < count; i++) {
        uint64_t same_as = masked[i] ^ target, opposite = same_as ^ care;
        for (int j = i + 1; j < count; j++)
            if (masked[j] == same_as || masked[j] == opposite) {
                *invert = masked[j] == opposite;
                return add(c, 1, i, 0, j, 0);
            }
    }
    for (int complement = 0; complement < 2; complement++) {
        uint64_t ones = complement ? target ^ care : target;
        uint64_t covers[2 * MOST_WIRES];
        uint8_t wire[2 * MOST_WIRES];
        int found = 0;
        for (int k = 0; k < count; k++) {
            int n = start + k < count ? start + k : start + k - count;
            for (int not_n = 0; not_n < 2; not_n++) {
                uint64_t x = not_n ? masked[n] ^ care : masked[n];
                if (ones & ~x)
                    continue;
                for (int m = 0; m < found; m++)
                    if ((covers[m] & x) == ones) {
                        *invert = complement;
                        return add(c, 0, wire[m] >> 1, wire[m] & 1, n, not_n);
                    }
                covers[found] = x;
                wire[found++] = (uint8_t)(n << 1 | not_n);
            }
        }
    }
    return -1;
}

/* Two gates over three wires. */
static int two_gates(circuit *c, uint64_t target, uint64_t care, int *invert)
{
    int count = c->count, inner, not_inner;
    for (int k = 0, n = below(count); k < count; k++, n = n + 1 < count ? n + 1 : 0) {
        for (int not_n = 0; not_n < 2; not_n++) {
            uint64_t x = inverted(grown_values[n], not_n), rest = target & care & ~x;
            if (rest && rest != (care & ~x))
                continue;
            inner = one_gate(c, rest ? ~target : target, care & x, &not_inner);
            if (inner >= 0) {
                *invert = rest != 0;
                return add(c, 0, inner, not_inner, n, not_n);
            }
        }
        inner = one_gate(c, target ^ grown_values[n], care, invert);
        if (inner >= 0)
            return add(c, 1, inner, 0, n, 0);
    }
    return -1;
}

/* A wire that gives `target` where `care` is set, complemented if *invert, for at most `budget`
 * more gates; -1 if there is none. */
static int grow(circuit *c, uint64_t target, uint64_t care, int unused, int budget, int *invert)
{
    int wire = has_wire(c, target, care, invert);
    if (wire >= 0 || budget < 1)
        return wire;
    if ((wire = one_gate(c, target, care, invert)) >= 0 || budget < 2)
        return wire;
    if ((wire = two_gates(c, target, care, invert)) >= 0 || budget < 3)
        return wire;
    gate kept[MOST_WIRES];
    int base = c->count, best = -1, length = 0, options[2 * INPUTS], count = 0;
    for (int n = 0; n < INPUTS; n++)
        if (unused >> n & 1) {
            options[count++] = n << 1;
            options[count++] = n << 1 | 1;
        }
    while (count) {
        int k = below(count), s = options[k] >> 1, half = options[k] & 1;
        int not_first, not_second = 0, not_whole, first, second;
        options[k] = options[--count];
        c->count = base;
        uint64_t here = care & inverted(INPUT[s], half), there = care & ~here;
        int left = unused & ~(1 << s);
        uint64_t outside = target & there;
        if (!outside || outside == there) {
            first = grow(c, outside ? ~target : target, here, left, budget - 1, &not_first);
            if (first < 0)
                continue;
            not_whole = outside != 0;
            wire = add(c, 0, first, not_first, s, half);
        } else {
            first = grow(c, target, here, left, budget - 2, &not_first);
            if (first < 0)
                continue;
            second = grow(c, target ^ inverted(grown_values[first], not_first), there, left,
                          budget - 2 - (c->count - base), &not_second);
            if (second < 0)
                continue;
            second = add(c, 0, second, not_second, s, !half);
            not_whole = not_first;
            wire = add(c, 1, first, 0, second, 0);
        }
        length = c->count - base;
        memcpy(kept, c->gates + base, sizeof(gate) * (size_t)length);
        best = wire;
        *invert = not_whole;
        budget = length - 1;
        if (budget < 3)
            break;
    }
    c->count = base;
    if (best < 0)
        return -1;
    for (int n = 0; n < length; n++) {
        c->gates[base + n] = kept[n];
        grown_values[base + n] = value_of(&kept[n], grown_values);
    }
    c->count = base + length;
    return best;
}

static int grow_all(circuit *c, int limit)
{
    int order[OUTPUTS] = {0, 1, 2, 3}, invert;
    memset(c, 0, sizeof *c);
    c->count = INPUTS;
    memcpy(grown_values, INPUT, sizeof INPUT);
    for (int k = OUTPUTS; k > 1; k--) {
        int other = below(k), t = order[k - 1];
        order[k - 1] = order[other];
        order[other] = t;
    }
    for (int k = 0; k < OUTPUTS; k++) {
        int n = grow(c, wanted[order[k]], ~(uint64_t)0, ALL_INPUTS,
                     limit - (c->count - INPUTS), &invert);
        if (n < 0)
            return 0;
        c->outputs[order[k]] = (uint8_t)n;
    }
    tidy(c);
    return 1;
}


/* Take out a random gate and all that only it needs, at most `most` gates, and grow a
 * replacement of at most `extra` more; false if there is none. */
static int regrow(circuit *c, int most, int extra)
{
    view v;
    circuit to;
    int moved[MOST_WIRES], users = 0, invert;
    set needed = 0;
    look(c, INPUTS + below(c->count - INPUTS), &v);
    for (int o = 0; o < OUTPUTS; o++)
        needed |= (set)1 << c->outputs[o];
    for (int n = c->count - 1; n >= INPUTS; n--)
        if ((needed >> n & 1) && n != v.chosen)
            needed |= (set)1 << c->gates[n].a | (set)1 << c->gates[n].b;
    begin(&to, moved, c);
    for (int n = INPUTS; n < c->count; n++) {
        if (!(needed >> n & 1) || n == v.chosen)
            continue;
        if (is_behind(&v, n))
            users++;
        else
            place(c, &to, moved, n);
    }
    int freed = c->count - users - to.count;
    if (freed > most)
        return 0;
    evaluate(&to, grown_values);
    int now = grow(&to, v.values[v.chosen], v.care, ALL_INPUTS, freed + extra, &invert);
    if (now < 0)
        return 0;
    uint8_t flipped[MOST_WIRES] = {0};
    moved[v.chosen] = now;
    flipped[v.chosen] = (uint8_t)invert;
    for (int n = v.chosen + 1; n < c->count; n++) {
        if (!(needed >> n & 1) || !is_behind(&v, n))
            continue;
        gate g = c->gates[n];
        if (g.is_xor) {
            flipped[n] = flipped[g.a] ^ flipped[g.b];
        } else {
            g.not_a ^= flipped[g.a];
            g.not_b ^= flipped[g.b];
        }
        g.a = (uint8_t)moved[g.a];
        g.b = (uint8_t)moved[g.b];
        moved[n] = to.count;
        to.gates[to.count++] = g;
    }
    for (int o = 0; o < OUTPUTS; o++)
        to.outputs[o] = (uint8_t)moved[c->outputs[o]];
    tidy(&to);
    *c = to;
    return 1;
}

/* --- the search ------------------------------------------------------------------------------ */

static int right(const circuit *c)
{
    uint64_t values[MOST_WIRES];
    evaluate(c, values);
    for (int o = 0; o < OUTPUTS; o++)
        if (values[c->outputs[o]] != wanted[o] && values[c->outputs[o]] != ~wanted[o])
            return 0;
    return 1;
}

static int step(circuit *c)
{
    if (chance() < REGROWING)
        return regrow(c, chance() < LARGE ? LARGE_CONE : SMALL_CONE, chance() < GROWING);
    return chance() < SPLITTING ? split(c) : swap(c);
}

static circuit anneal(circuit now, long steps)
{
    int cost = settle(&now), lowest = cost;
    circuit best = now;
    for (long done = 0; done < steps; done++) {
        double heat = COLD + (HOT - COLD) * (1 - (double)done / (double)steps);
        circuit next = now;
        if (!step(&next))
            continue;
        int price = settle(&next);
        if (price > cost && chance() >= exp((cost - price) / heat))
            continue;
        now = next;
        cost = price;
        if (cost < lowest) {
            lowest = cost;
            best = now;
        }
    }
    return best;
}

static void print(circuit *c)
{
    uint64_t values[MOST_WIRES];
    settle(c);
    evaluate(c, values);
    for (int n = 0; n < INPUTS; n++)
        printf("%d%c", c->gates[n].stored, n < INPUTS - 1 ? ' ' : '\n');
    for (int n = INPUTS; n < c->count; n++) {
        const gate *g = &c->gates[n];
        printf("%c %d %d %d %d %d\n", g->is_xor ? '^' : '&', g->a, g->not_a, g->b, g->not_b,
               g->stored);
    }
    for (int o = 0; o < OUTPUTS; o++)
        printf("%d %d\n", c->outputs[o],
               c->gates[c->outputs[o]].stored ^ (values[c->outputs[o]] != wanted[o]));
}

int main(int argc, char **argv)
{
    static circuit kept[ANNEALED];
    int prices[ANNEALED], count = 0, limit = FIRST_LIMIT, lowest = 0;
    circuit c, best = {0};
    if (argc != 4)
        return 2;
    long starts = atol(argv[1]), steps = atol(argv[2]);
    random_state = strtoull(argv[3], NULL, 10);
    for (int x = 0; x < 64; x++) {
        int y;
        if (scanf("%d", &y) != 1)
            return 2;
        for (int o = 0; o < OUTPUTS; o++)
            wanted[o] |= (uint64_t)(y >> (OUTPUTS - 1 - o) & 1) << x;
    }
    for (long start = 0; start < starts; start++) {
        int price, worst = 0;
        if (!grow_all(&c, limit))
            continue;
        if (c.count - INPUTS + SLACK < limit)
            limit = c.count - INPUTS + SLACK;
        price = settle(&c);
        for (int k = 1; k < count; k++)
            if (prices[k] > prices[worst])
                worst = k;
        if (count < ANNEALED)
            worst = count++;
        else if (price >= prices[worst])
            continue;
        prices[worst] = price;
        kept[worst] = c;
    }
    for (int k = 0; k < count; k++) {
        int price;
        c = anneal(kept[k], steps);
        price = settle(&c);
        if (!right(&c))
            return 1;
        if (!k || price < lowest) {
            lowest = price;
            best = c;
        }
    }
    if (!count)
        return 1;
    print(&best);
    return 0;
}
