// What Grafana shows for a panel, as plain data.
import {
    FieldType,
    createTheme,
    formattedValueToString,
    getFieldDisplayName,
    getFieldDisplayValues,
    getFieldSeriesColor,
} from '@grafana/data';
import { colorNames, hex } from './colors.js';
import { preparePanel } from './panel.js';
import { drawnFields, emptyMessage, graphFrames, stateFrames } from './series.js';
import { cell, tableView } from './table.js';
import { replaceVariables } from './templates.js';

const SHOW = {
    stat: showValues,
    gauge: showValues,
    bargauge: showValues,
    timeseries: showSeries,
    'state-timeline': showStates,
    table: showTable,
    text: showText,
};

/** Return what each `{ panel, results }` shows; `mode` is `dark` or `light`. */
export async function display(inputs, mode = 'dark') {
    const theme = createTheme({ colors: { mode } });
    const outputs = [];
    for (const { panel, results = {} } of inputs) {
        try {
            outputs.push(await displayPanel(panel, results, theme));
        } catch (error) {
            throw new Error(`panel "${panel.title ?? ''}": ${error.message}`, { cause: error });
        }
    }
    return outputs;
}

async function displayPanel(panel, results, theme) {
    const prepared = await preparePanel(panel, results, theme);
    const nothing = Object.fromEntries(
        (panel.targets ?? []).map(({ refId }) => [
            refId,
            { status: 'success', data: { resultType: 'vector', result: [] } },
        ]),
    );
    const whenEmpty = await preparePanel(panel, nothing, theme);
    const show = SHOW[panel.type];
    const { shown: [empty] = [], noValue = empty?.text, ...others } = show({ panel, theme, ...whenEmpty });
    const { noValue: _, ...now } = show({ panel, theme, ...prepared });
    return { title: panel.title ?? '', type: panel.type, ...now, noValue };
}

function showValues({ panel, theme, data, options, fieldConfig }) {
    const values = getFieldDisplayValues({
        data,
        fieldConfig,
        reduceOptions: options.reduceOptions,
        replaceVariables,
        theme,
        timeZone: 'utc',
    });
    const names = colorNames(fieldConfig, theme);
    return {
        shown: values.map(({ display, view, colIndex }) => {
            const color = options.colorMode === 'none' ? theme.colors.text.primary : display.color;
            const name = display.title ?? '';
            return {
                name,
                labels: view?.dataFrame.fields[colIndex].labels ?? {},
                value: view ? finite(display.numeric) : null,
                text: shownText(options.textMode, name, formattedValueToString(display)),
                ...painted(color, names),
            };
        }),
    };
}

function shownText(textMode, name, text) {
    return textMode === 'name' ? name : textMode === 'none' ? '' : text;
}

function showSeries({ panel, theme, data, fieldConfig }) {
    const frames = graphFrames(data, theme);
    return lastOfEach(
        frames,
        data,
        fieldConfig,
        panel.type,
        theme,
        (field) => getFieldSeriesColor(field, theme).color,
    );
}

function showStates({ panel, theme, data, options, fieldConfig }) {
    const frames = stateFrames(data, options.mergeValues, theme);
    return lastOfEach(frames, data, fieldConfig, panel.type, theme, (_, { color }) => color);
}

function lastOfEach(frames, data, fieldConfig, type, theme, colorOf) {
    const names = colorNames(fieldConfig, theme);
    const shown = frames.flatMap((frame) =>
        drawnFields(frame).map((field) => {
            const last = field.display(field.values.at(-1));
            return {
                name: getFieldDisplayName(field, frame, frames),
                labels: field.labels ?? {},
                value: finite(last.numeric),
                text: formattedValueToString(last),
                ...painted(colorOf(field, last), names),
            };
        }),
    );
    return { shown, noValue: emptyMessage(type, data, frames, fieldConfig) };
}

function showTable({ theme, data, options, fieldConfig }) {
    const { frame, fields, order } = tableView(data, options);
    const rows = order.map((row) => fields.map((field) => cell(field, row)));
    return {
        columns: fields.map((field) => getFieldDisplayName(field, frame)),
        rows: rows.map((cells) => cells.map(({ text }) => text)),
        colors: rows.map((cells) => cells.map(({ color }) => hex(color))),
        noValue: fieldConfig.defaults.noValue ?? 'No data',
    };
}

function showText({ options }) {
    return {
        shown: [{ name: '', labels: {}, value: null, text: options.content, color: null, colorName: null }],
        noValue: null,
    };
}

function painted(color, names) {
    const shown = hex(color);
    return { color: shown, colorName: names.get(shown) ?? null };
}

function finite(number) {
    return Number.isFinite(number) ? number : null;
}
