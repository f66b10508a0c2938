// The visible part of a table panel's frames.
import { FieldType, formattedValueToString, getFieldDisplayName } from '@grafana/data';

const COLORED = ['color-text', 'color-background'];

/** Return `{ fields, order }`: the visible columns and the row numbers in the order of `options.sortBy`. */
export function tableView(data, options) {
    const frame = data[options.frameIndex] ?? data[0];
    const fields = (frame?.fields ?? []).filter(
        ({ config }) => !config.custom?.hidden && !config.custom?.hideFrom?.viz,
    );
    const order = Array.from({ length: frame?.length ?? 0 }, (_, row) => row);
    const titled = (title) => frame.fields.find((field) => getFieldDisplayName(field, frame) === title);
    for (const { displayName, desc } of [...(options.sortBy ?? [])].reverse()) {
        const field = frame && titled(displayName);
        if (field) {
            order.sort((a, b) => (desc ? -1 : 1) * compare(field, a, b));
        }
    }
    return { frame, fields, order };
}

/** Return a cell's `{ text, color }`; the color is null if the cell has none. */
export function cell(field, row) {
    const display = field.display(field.values[row]);
    const colored = COLORED.includes(field.config.custom?.cellOptions?.type);
    return { text: formattedValueToString(display), color: colored ? display.color : null };
}

function compare({ type, values }, a, b) {
    if (type === FieldType.string) {
        return String(values[a] ?? '').localeCompare(String(values[b] ?? ''), undefined, { numeric: true });
    }
    return (values[a] ?? -Infinity) - (values[b] ?? -Infinity) || 0;
}
