// A query's step and the values of its interval variables, computed as Grafana's Prometheus backend does
// (pkg/promlib/models/query.go).
import { rangeUtil } from '@grafana/data';

const SCRAPE_INTERVAL = '15s'; // the default of a Prometheus data source
const SAFE_RESOLUTION = 11_000; // maximum points per series in Prometheus

/** Return `{ stepMs, variables }` of a query in a panel `points` pixels wide; `range` holds two dates. */
export function intervals(panel, target, range, points) {
    const span = range.to - range.from;
    const { intervalMs } = rangeUtil.calculateInterval(range, points, panel.interval || SCRAPE_INTERVAL);
    const safe = rangeUtil.roundInterval(span / SAFE_RESOLUTION);
    const step = (least) =>
        Math.max(least, rangeUtil.roundInterval(span / points), safe) * (target.intervalFactor || 1);
    const { stepMs, rateMs } = resolve(target.interval, intervalMs, step);
    const seconds = Math.round(span / 1000);
    return {
        stepMs,
        variables: {
            __interval: `${stepMs}ms`,
            __interval_ms: stepMs,
            __range: `${seconds}s`,
            __range_s: seconds,
            __range_ms: span,
            __rate_interval: `${rateMs}ms`,
            __rate_interval_ms: rateMs,
        },
    };
}

// The scrape interval for rates is a query's "Min step" or else the data source's setting, but not a panel's
// "Min interval".
function resolve(minStep = '', intervalMs, step) {
    switch (minStep.replace(/[{}]/g, '')) {
        case '$__rate_interval': {
            const rateMs = rate(step(intervalMs), rangeUtil.intervalToMs(SCRAPE_INTERVAL));
            return { stepMs: rateMs, rateMs };
        }
        case '$__interval': {
            const stepMs = step(intervalMs);
            return { stepMs, rateMs: rate(intervalMs, stepMs) };
        }
        case '':
            return {
                stepMs: step(intervalMs),
                rateMs: rate(intervalMs, rangeUtil.intervalToMs(SCRAPE_INTERVAL)),
            };
        default: {
            const least = rangeUtil.intervalToMs(minStep);
            return { stepMs: step(least), rateMs: rate(intervalMs, least) };
        }
    }
}

function rate(intervalMs, scrapeMs) {
    return Math.max(intervalMs + scrapeMs, 4 * scrapeMs);
}
