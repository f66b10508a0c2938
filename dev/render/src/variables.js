// Dashboard variables: their values, and their replacement in queries.

const REFERENCE = /\$(\w+)|\$\{(\w+)(?::(\w+))?\}|\[\[(\w+)(?::(\w+))?\]\]/g;
const ALL = '$__all';

/** Return `[{ name, label, text, query }]` of a dashboard; `chosen` maps names to lists of values. */
export function dashboardVariables(dashboard, chosen) {
    const variables = dashboard.templating?.list ?? [];
    const unknown = Object.keys(chosen).find((name) => !variables.some((variable) => variable.name === name));
    if (unknown !== undefined) {
        throw new Error(`the dashboard has no variable ${unknown}`);
    }
    return variables.map((variable) => {
        const { name, label, type, hide } = variable;
        const values = chosen[name] ?? current(variable);
        const all = values.includes(ALL) || (variable.includeAll && values.includes('All'));
        if (all && !variable.allValue) {
            throw new Error(
                `variable ${name}: All without an allValue cannot be resolved here, use --var ${name}=value`,
            );
        }
        return {
            name,
            label: label || name,
            typed: type === 'textbox',
            hidden: hide === 2 || hide === 'hideVariable',
            text: type === 'datasource' ? values[0] || 'Prometheus' : all ? 'All' : values.join(' + '),
            query: all ? variable.allValue : forPrometheus(values, variable),
        };
    });
}

/** Replace the variables in a text; `inQuery` selects the format for PromQL instead of the display text. */
export function interpolate(text, variables, { inQuery = true, builtIn = {} } = {}) {
    return text.replace(REFERENCE, (whole, bare, braced, format, bracketed) => {
        const name = bare ?? braced ?? bracketed;
        const variable = variables.find((candidate) => candidate.name === name);
        const value = builtIn[name] ?? (inQuery && format !== 'text' ? variable?.query : variable?.text);
        return value ?? whole;
    });
}

function current({ name, current: saved, type, query, includeAll }) {
    const value =
        saved?.value ?? (type === 'textbox' || type === 'constant' ? query : includeAll ? ALL : undefined);
    if (value === undefined && type !== 'datasource') {
        throw new Error(`variable ${name} has no value, use --var ${name}=value`);
    }
    return [value ?? ''].flat().map(String);
}

function forPrometheus(values, { multi, includeAll }) {
    if (!multi && !includeAll) {
        return values[0].replaceAll('\\', '\\\\').replaceAll("'", "\\\\'");
    }
    const escaped = values.map((value) =>
        value.replaceAll('\\', '\\\\\\\\').replace(/[$^*{}[\]'+?.()|]/g, '\\\\$&'),
    );
    return escaped.length > 1 ? `(${escaped.join('|')})` : escaped[0];
}
