// Series of time series and state timeline panels, prepared like in these plug-ins.
import {
    FieldType,
    ThresholdsMode,
    applyNullInsertThreshold,
    cacheFieldDisplayNames,
    formattedValueToString,
    getActiveThreshold,
    getDisplayProcessor,
    getFieldConfigWithMinMax,
    getValueFormat,
    outerJoinDataFrames,
} from '@grafana/data';

/** Return the frames that a graph can draw: time and finite numbers, each series with its palette index. */
export function graphFrames(data, theme) {
    cacheFieldDisplayNames(data);
    let seriesIndex = 0;
    const place = (field) => {
        if (field.type !== FieldType.number) {
            return field;
        }
        const values = field.values.map((value) => (Number.isFinite(value) ? value : null));
        const placed = { ...field, values, state: { ...field.state, seriesIndex: seriesIndex++ } };
        return { ...placed, display: getDisplayProcessor({ field: placed, theme, timeZone: 'utc' }) };
    };
    return data.filter(isGraph).map((frame) => ({ ...frame, fields: frame.fields.map(place) }));
}

/** Join frames by time. Unlike the function in @grafana/ui this keeps names, and so colors by name. */
export function alignFrames(frames, { x, y }, timeRange) {
    const withGaps = frames.map((frame) =>
        applyNullInsertThreshold({
            frame,
            refFieldPseudoMin: timeRange.from.valueOf(),
            refFieldPseudoMax: timeRange.to.valueOf(),
        }),
    );
    return outerJoinDataFrames({
        frames: withGaps,
        joinBy: x,
        keep: y,
        keepOriginIndices: true,
        keepDisplayNames: true,
    });
}

/** Return the frames of a state timeline, where `display` returns each state's text and color. */
export function stateFrames(data, mergeValues, theme) {
    cacheFieldDisplayNames(data);
    const state = (field) =>
        mergeValues && field.type === FieldType.number && field.config.color?.mode === 'thresholds'
            ? thresholdStates(field, theme)
            : field;
    return data.filter(isGraph).map((frame) => ({ ...frame, fields: frame.fields.map(state) }));
}

/** Return the fields that are drawn: not time, not hidden. */
export function drawnFields(frame) {
    return frame.fields.filter(
        ({ type, config }) => type !== FieldType.time && !config.custom?.hideFrom?.viz,
    );
}

/** Return why a series panel draws nothing, or undefined if it draws something. */
export function emptyMessage(type, data, frames, fieldConfig) {
    if (frames.length > 0) {
        return undefined;
    }
    if (type === 'state-timeline' && data.length > 0) {
        // Grafana also shows this if the query returned nothing: the backend sends a frame without fields.
        return 'Data does not have a time field';
    }
    return fieldConfig.defaults.noValue ?? 'No data';
}

function isGraph({ fields }) {
    return [FieldType.time, FieldType.number].every((type) => fields.some((field) => field.type === type));
}

// Grafana merges by threshold here, and shows the threshold instead of the value or its mapping
// (grafana/grafana issue 71804).
function thresholdStates(field, theme) {
    const { thresholds } = field.config;
    const { min, max } = getFieldConfigWithMinMax(field);
    const scaled = (value) =>
        thresholds.mode === ThresholdsMode.Percentage ? ((value - min) / (max - min)) * 100 : value;
    const display = (value) => {
        if (value == null || Number.isNaN(value)) {
            return { text: '', numeric: NaN };
        }
        const index = thresholds.steps.indexOf(getActiveThreshold(scaled(value), thresholds.steps));
        const color = theme.visualization.getColorByName(thresholds.steps[index].color);
        return { text: thresholdLabel(field.config, index), numeric: value, color };
    };
    return { ...field, display };
}

function thresholdLabel({ thresholds: { steps, mode }, unit, decimals }, index) {
    const format = getValueFormat(mode === ThresholdsMode.Percentage ? 'percent' : (unit ?? ''));
    const text = (value) => formattedValueToString(format(value, decimals));
    return steps[index].value === -Infinity && index < steps.length - 1
        ? `< ${text(steps[index + 1].value)}`
        : `${text(steps[index].value)}+`;
}
