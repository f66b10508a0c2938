// Queries Prometheus for everything in the open rows of a dashboard.
import { dateMath } from '@grafana/data';
import { compact, panelWidth } from './grid.js';
import { intervals } from './interval.js';
import { dashboardVariables, interpolate } from './variables.js';

/** Return the page's data: title, variables, links, time range and panels with their results. */
export async function collect(dashboard, { prometheus, chosen, from, to, width, rows }) {
    const variables = dashboardVariables(dashboard, chosen);
    const range = { from: instant(from, false), to: instant(to, true) };
    const runQuery = (panel, target) => query(prometheus, panel, target, { variables, range, width });
    const shown = [];
    for (const panel of firstRows(dashboard.panels, rows)) {
        shown.push(
            panel.type === 'row'
                ? { panel: named(panel, variables) }
                : await collectPanel(panel, variables, runQuery),
        );
    }
    return {
        title: dashboard.title,
        variables: variables.filter(({ hidden }) => !hidden),
        links: (dashboard.links ?? []).map(({ title }) => title),
        range: { from: range.from.getTime(), to: range.to.getTime(), raw: { from, to } },
        panels: compact(shown),
    };
}

async function collectPanel(panel, variables, runQuery) {
    if (panel.repeat) {
        throw new Error(`panel "${panel.title}": repeated panels are not supported`);
    }
    const results = {};
    const steps = {};
    for (const target of (panel.targets ?? []).filter(({ hide }) => !hide)) {
        const { response, stepMs } = await runQuery(panel, target);
        results[target.refId] = response;
        steps[target.refId] = stepMs;
    }
    return { panel: named(panel, variables), results, intervals: steps };
}

function named(panel, variables) {
    return { ...panel, title: interpolate(panel.title ?? '', variables, { inQuery: false }) };
}

function firstRows(panels, rows = Infinity) {
    let count = panels[0]?.type === 'row' ? 0 : 1;
    return panels.filter(({ type }) => {
        count += type === 'row' ? 1 : 0;
        return count <= rows;
    });
}

async function query(prometheus, panel, target, { variables, range, width }) {
    const points = panel.maxDataPoints ?? panelWidth(panel.gridPos, width);
    const { stepMs, variables: builtIn } = intervals(panel, target, range, points);
    const expr = interpolate(target.expr, variables, { builtIn });
    const aligned = (time) => (Math.floor(time / stepMs) * stepMs) / 1000;
    const span = { start: aligned(range.from), end: aligned(range.to), step: stepMs / 1000 };
    const response = target.instant
        ? await post(`${prometheus}/api/v1/query`, { query: expr, time: range.to / 1000 })
        : await post(`${prometheus}/api/v1/query_range`, { query: expr, ...span });
    if (response.status !== 'success') {
        throw new Error(`panel "${panel.title}": query ${target.refId} failed: ${response.error}`);
    }
    return { response, stepMs };
}

async function post(url, parameters) {
    try {
        const response = await fetch(url, { method: 'POST', body: new URLSearchParams(parameters) });
        return await response.json();
    } catch (error) {
        throw new Error(`${url} did not respond: ${error.cause?.message ?? error.message}`, { cause: error });
    }
}

function instant(text, roundUp) {
    const time = dateMath.toDateTime(text, { roundUp });
    if (!time?.isValid()) {
        throw new Error(`${text} is not a time`);
    }
    return time.toDate();
}
