// A state timeline with the rows, colors and texts of Grafana's, which is not published on npm.
import {
    FieldType,
    dateTimeFormat,
    formattedValueToString,
    getFieldDisplayName,
    systemDateFormats,
} from '@grafana/data';
import { VizLayout, VizLegend, useTheme2 } from '@grafana/ui';
import { drawnFields } from './series.js';

const AXIS_HEIGHT = 24;
const TICK_WIDTH = 70;
const TICK_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440].map((minutes) => minutes * 60_000);

export function StateTimeline({ frames, options, timeRange, width, height }) {
    const rows = frames.flatMap((frame) =>
        drawnFields(frame).map((field) => ({
            name: getFieldDisplayName(field, frame, frames),
            opacity: (field.config.custom?.fillOpacity ?? 70) / 100,
            spans: spans(frame, field, timeRange.to.valueOf()),
        })),
    );
    const states = new Map(rows.flatMap(({ spans: list }) => list.map(({ text, color }) => [text, color])));
    const items = [...states].map(([label, color]) => ({ label, color, yAxis: 1 }));
    const { placement, displayMode, showLegend } = options.legend;
    const legend = showLegend && (
        <VizLayout.Legend placement={placement}>
            <VizLegend placement={placement} displayMode={displayMode} items={items} />
        </VizLayout.Legend>
    );
    return (
        <VizLayout width={width} height={height} legend={legend || null}>
            {(innerWidth, innerHeight) => (
                <Rows {...{ rows, options, timeRange }} width={innerWidth} height={innerHeight} />
            )}
        </VizLayout>
    );
}

function Rows({ rows, options, timeRange, width, height }) {
    const { colors } = useTheme2();
    const longest = Math.max(...rows.map(({ name }) => name.length));
    const left = Math.min(width / 3, longest * 7 + 16);
    const [from, to] = [timeRange.from.valueOf(), timeRange.to.valueOf()];
    const x = (time) => left + ((Math.min(Math.max(time, from), to) - from) / (to - from)) * (width - left);
    const pitch = (height - AXIS_HEIGHT) / rows.length;
    const bar = pitch * options.rowHeight;
    return (
        <svg width={width} height={height} fontSize={12} fill={colors.text.primary}>
            {ticks(from, to, width - left).map((time) => (
                <g key={time}>
                    <line x1={x(time)} x2={x(time)} y2={height - AXIS_HEIGHT} stroke={colors.border.weak} />
                    <text x={x(time)} y={height - 6} textAnchor="middle">
                        {tickText(time, to - from)}
                    </text>
                </g>
            ))}
            {rows.map(({ name, opacity, spans: list }, row) => (
                <g key={name} transform={`translate(0 ${row * pitch + (pitch - bar) / 2})`}>
                    <text x={left - 12} y={bar / 2} textAnchor="end" dominantBaseline="middle">
                        {name}
                    </text>
                    {list.map(({ start, end, text, color }) => (
                        <g key={start}>
                            <rect
                                x={x(start)}
                                width={Math.max(x(end) - x(start), 1)}
                                height={bar}
                                fill={color}
                                fillOpacity={opacity}
                            />
                            {options.showValue !== 'never' && x(end) - x(start) > text.length * 8 + 8 && (
                                <text x={x(start) + 6} y={bar / 2} dominantBaseline="middle">
                                    {text}
                                </text>
                            )}
                        </g>
                    ))}
                </g>
            ))}
        </svg>
    );
}

// Equal neighbors form one span; a missing sample ends it.
function spans(frame, field, end) {
    const time = frame.fields.find(({ type }) => type === FieldType.time);
    const interval = time.config.interval ?? Infinity;
    const list = [];
    time.values.forEach((start, index) => {
        const display = field.display(field.values[index]);
        const state = { text: formattedValueToString(display), color: display.color };
        const previous = list.at(-1);
        const next = time.values[index + 1] ?? end;
        const stop = next - start > interval * 1.5 ? start + interval : next;
        if (
            previous &&
            previous.end === start &&
            previous.text === state.text &&
            previous.color === state.color
        ) {
            previous.end = stop;
        } else if (state.color) {
            list.push({ start, end: stop, ...state });
        }
    });
    return list;
}

function ticks(from, to, width) {
    const least = ((to - from) * TICK_WIDTH) / width;
    const step = TICK_STEPS.find((candidate) => candidate >= least) ?? TICK_STEPS.at(-1);
    const first = Math.ceil(from / step) * step;
    return Array.from(
        { length: Math.max(0, Math.floor((to - first) / step) + 1) },
        (_, index) => first + index * step,
    );
}

function tickText(time, span) {
    const { minute, day } = systemDateFormats.interval;
    return dateTimeFormat(time, { format: span > 2 * 86_400_000 ? day : minute, timeZone: 'utc' });
}
