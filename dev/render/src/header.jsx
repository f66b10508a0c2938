// The top of the page: title, variables, links and time range of the dashboard.
import { Icon } from '@grafana/ui';
import { GRID } from './grid.js';

export function PageHeader({ title, variables, links, range, theme }) {
    const { colors, shape, typography } = theme;
    const row = { display: 'flex', alignItems: 'center', gap: GRID.gap, padding: `0 ${GRID.margin}px` };
    const control = {
        display: 'flex',
        alignItems: 'center',
        gap: 6,
        height: 32,
        padding: '0 8px',
        whiteSpace: 'nowrap',
        fontSize: typography.bodySmall.fontSize,
        border: `1px solid ${colors.border.medium}`,
        borderRadius: shape.radius.default,
        background: colors.background.primary,
    };
    const labelled = {
        ...control,
        fontWeight: typography.fontWeightMedium,
        background: colors.background.secondary,
    };
    return (
        <header>
            <div
                style={{
                    ...row,
                    height: GRID.header,
                    background: colors.background.primary,
                    borderBottom: `1px solid ${colors.border.weak}`,
                }}
            >
                <span style={{ color: colors.text.secondary }}>Dashboards</span>
                <Icon name="angle-right" />
                <span>{title}</span>
            </div>
            <div style={{ ...row, height: GRID.controls }}>
                {variables.map(({ name, label, text, typed }) => (
                    <span key={name} style={{ display: 'flex' }}>
                        <span style={{ ...labelled, borderRight: 0 }}>{label}</span>
                        <span style={control}>
                            {text}
                            {typed || <Icon name="angle-down" />}
                        </span>
                    </span>
                ))}
                <span style={{ flexGrow: 1 }} />
                {links.map((link) => (
                    <span key={link} style={labelled}>
                        <Icon name="file-alt" /> {link}
                    </span>
                ))}
                <span style={labelled}>
                    <Icon name="clock-nine" /> {timeText(range)}
                </span>
            </div>
        </header>
    );
}

const UNITS = { m: 'minute', h: 'hour', d: 'day', w: 'week', M: 'month', y: 'year' };

function timeText({ from, to, raw }) {
    const [, count, unit] = /^now-(\d+)([mhdwMy])$/.exec(raw.from) ?? [];
    if (unit && raw.to === 'now') {
        return count === '1' ? `Last ${UNITS[unit]}` : `Last ${count} ${UNITS[unit]}s`;
    }
    const text = (time) => new Date(time).toISOString().slice(0, 16).replace('T', ' ');
    return `${text(from)} to ${text(to)}`;
}
