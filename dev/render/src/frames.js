// Converts Prometheus responses to data frames like Grafana's Prometheus data source
// (pkg/promlib and packages/grafana-prometheus in Grafana's repository).
import { FieldType, getFieldDisplayName, sortDataFrame } from '@grafana/data';

const LABEL_IN_LEGEND = /\{\{\s*(.+?)\s*\}\}/g;

/** Return a panel's frames: `results` holds one Prometheus response per refId, `intervals` its step in ms. */
export function panelFrames(targets, results, intervals = {}) {
    const responses = targets
        .filter(({ hide }) => !hide)
        .map((target) => ({
            target,
            frames: seriesFrames(target, results[target.refId], intervals[target.refId]),
        }));
    nameAutomatically(responses);
    const of = (format) => responses.filter(({ target }) => (target.format ?? 'time_series') === format);
    return [
        ...of('time_series').flatMap(({ frames }) => frames),
        ...tableFrames(of('table')),
        ...of('heatmap').flatMap(({ frames }) => heatmapFrames(frames)),
    ];
}

function seriesFrames(target, response, interval) {
    const { refId } = target;
    if (response === undefined) {
        throw new Error(`no result for query ${refId}`);
    }
    if (response.status !== 'success') {
        throw new Error(
            `query ${refId} failed: ${response.errorType ?? 'error'}: ${response.error ?? 'no message'}`,
        );
    }
    const { resultType, result } = response.data;
    const series =
        resultType === 'scalar' || resultType === 'string' ? [{ metric: {}, value: result }] : result;
    const meta = { type: 'timeseries-multi', custom: { resultType } };
    if (series.length === 0) {
        return [{ refId, meta, fields: [], length: 0 }]; // the backend sends one frame without fields
    }
    return series.map(({ metric, value, values = [value] }) => ({
        refId,
        meta,
        length: values.length,
        fields: [
            timeField(
                values.map(([seconds]) => Math.trunc(seconds * 1000)),
                interval,
            ),
            valueField(
                metric,
                values.map(([, text]) => parseSample(text)),
                seriesName(target, metric),
            ),
        ],
    }));
}

function timeField(values, interval) {
    return { name: 'Time', type: FieldType.time, config: interval ? { interval } : {}, values };
}

function valueField(labels, values, displayNameFromDS) {
    const config = displayNameFromDS ? { displayNameFromDS } : {};
    return { name: labels.__name__ ?? 'Value', type: FieldType.number, labels, config, values };
}

function parseSample(text) {
    return /^[+-]?inf/i.test(text) ? (text.startsWith('-') ? -Infinity : Infinity) : Number.parseFloat(text);
}

function seriesName({ legendFormat = '', expr }, labels) {
    if (legendFormat === '__auto') {
        return Object.keys(labels).length > 0 ? '' : expr;
    }
    const name = legendFormat
        ? legendFormat.replace(LABEL_IN_LEGEND, (_, label) => labels[label] ?? '')
        : metricName(labels);
    return name === '{}' ? expr : name;
}

function metricName({ __name__: name, ...labels }) {
    const pairs = Object.entries(labels).map(([label, value]) => `${label}=${JSON.stringify(value)}`);
    return pairs.length > 0 || name === undefined ? `${name ?? ''}{${pairs.sort().join(', ')}}` : name;
}

function nameAutomatically(responses) {
    const all = responses.flatMap(({ frames }) => frames);
    for (const { target, frames } of responses) {
        for (const frame of target.legendFormat === '__auto' ? frames : []) {
            for (const field of frame.fields.filter(
                ({ name, labels }) => labels?.__name__ === name && name,
            )) {
                field.config.displayNameFromDS = getFieldDisplayName({ ...field, name: 'Value' }, frame, all);
            }
        }
    }
}

function tableFrames(responses) {
    const frames = responses.flatMap((response) => response.frames);
    if (frames.length === 0 || (frames.length === 1 && frames[0].length === 0)) {
        return frames;
    }
    return responses.map(({ target, frames: series }) =>
        tableFrame(target.refId, series, responses.length > 1 ? `Value #${target.refId}` : 'Value'),
    );
}

function tableFrame(refId, series, valueName) {
    const filled = series.filter(({ fields }) => fields.length > 0);
    const labels = [];
    for (const { fields } of filled) {
        const names = Object.keys(fields[1].labels).sort();
        labels.push(...names.filter((name) => !labels.includes(name)));
    }
    const column = (name, type, values, config = {}) => ({ name, type, config, values });
    const perSample = (value) =>
        filled.flatMap(({ fields, length }) => Array(length).fill(value(fields[1].labels)));
    const time = timeField(
        filled.flatMap(({ fields }) => fields[0].values),
        filled[0]?.fields[0].config.interval,
    );
    const frame = {
        refId,
        meta: series[0].meta,
        length: time.values.length,
        fields: [
            time,
            ...labels.map((label) =>
                column(
                    label,
                    FieldType.string,
                    perSample((own) => own[label] ?? ''),
                    { filterable: true },
                ),
            ),
            column(
                valueName,
                FieldType.number,
                filled.flatMap(({ fields }) => fields[1].values),
            ),
        ],
    };
    return time.values.some((at, row) => row > 0 && at < time.values[row - 1])
        ? sortDataFrame(frame, 0)
        : frame;
}

function heatmapFrames(frames) {
    const groups = new Map();
    for (const frame of frames.filter(({ length }) => length > 0)) {
        const { le, ...others } = frame.fields[1].labels;
        const key = Object.values(le === undefined ? frame.fields[1].labels : others).join();
        groups.set(key, [...(groups.get(key) ?? []), { le, frame }]);
    }
    return [...groups.values()].map((group) => {
        return bucketFrame(group.sort((a, b) => parseSample(a.le ?? '') - parseSample(b.le ?? '')));
    });
}

function bucketFrame(buckets) {
    const counts = buckets.map(({ frame }) => frame.fields[1].values);
    const fields = buckets.map(({ le, frame }, index) => {
        const field = frame.fields[1];
        const name = le ?? field.config.displayNameFromDS ?? field.name;
        const below = counts[index - 1];
        const values = below ? counts[index].map((count, row) => ownCount(count, below[row])) : counts[index];
        return { ...field, name, config: { ...field.config, displayNameFromDS: name }, values };
    });
    const { frame } = buckets[0];
    return { ...frame, meta: { ...frame.meta, type: 'heatmap-rows' }, fields: [frame.fields[0], ...fields] };
}

function ownCount(count, below) {
    const own = count - (below || 0); // a missing or NaN neighbor counts as 0
    return own < 1e-9 ? 0 : own;
}
