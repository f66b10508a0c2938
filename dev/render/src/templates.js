// Variables about the series of a value, which Grafana replaces when it shows the value.
import { formatLabels, getFieldDisplayName } from '@grafana/data';

const VARIABLE = /\$\{(__(?:field|series|calc)[^}:]*)(?::[^}]*)?\}|\$(__calc)\b/g;

/** Replace `${__field.labels.x}`, `${__field.name}`, `${__series.name}` and `${__calc}`; keep all others. */
export function replaceVariables(text, scopedVars = {}) {
    return text.replace(VARIABLE, (whole, braced, bare) => value(braced ?? bare, scopedVars) ?? whole);
}

function value(path, { __dataContext: context, __calc: calc }) {
    if (path === '__calc') {
        return calc?.text ?? '';
    }
    if (context === undefined) {
        return undefined;
    }
    const { field, frame, data } = context.value;
    const label = /^__field\.labels(?:\.(\w+)|\[["'](.+)["']\])$/.exec(path);
    if (label) {
        return field.labels?.[label[1] ?? label[2]] ?? '';
    }
    const known = {
        '__field.labels': () => formatLabels(field.labels ?? {}, '', true),
        '__field.name': () => field.name,
        '__field.displayName': () => getFieldDisplayName({ ...field, config: {}, state: {} }, frame, data),
        '__series.name': () =>
            frame.name ?? getFieldDisplayName({ ...field, config: {}, state: {} }, frame, data),
    };
    return known[path]?.();
}
