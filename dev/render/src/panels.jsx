// One panel, drawn with Grafana's components if they are published on npm.
import { cacheFieldDisplayNames, createDataFrame, dateTime, renderMarkdown } from '@grafana/data';
import { Icon, PanelChrome, TimeSeries, useTheme2 } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';
import { alignFrames, emptyMessage, graphFrames, stateFrames } from './series.js';
import { StateTimeline } from './stateTimeline.jsx';
import { Bars, Stat } from './values.jsx';

const DRAW = {
    stat: Stat,
    bargauge: Bars,
    timeseries: Graph,
    'state-timeline': States,
    table: Table,
    text: Text,
};

const NO_PADDING = ['stat', 'table'];

/** Throw an error for a panel that this page cannot draw. */
export function checkDrawable({ title, type }) {
    if (type !== 'row' && !DRAW[type]) {
        throw new Error(`panel "${title}": type ${type} cannot be drawn`);
    }
}

export function Panel({ panel, prepared, range, size: { width, height } }) {
    if (panel.type === 'row') {
        return <Row {...panel} />;
    }
    const Draw = DRAW[panel.type];
    const timeRange = { from: dateTime(range.from), to: dateTime(range.to), raw: range.raw };
    return (
        <PanelChrome
            title={panel.title}
            description={panel.description}
            displayMode={panel.transparent ? 'transparent' : 'default'}
            padding={NO_PADDING.includes(panel.type) ? 'none' : 'md'}
            width={width}
            height={height}
        >
            {(innerWidth, innerHeight) => (
                <Draw
                    panel={panel}
                    {...prepared}
                    timeRange={timeRange}
                    width={innerWidth}
                    height={innerHeight}
                />
            )}
        </PanelChrome>
    );
}

function Row({ title, collapsed, panels }) {
    const { colors, typography } = useTheme2();
    return (
        <div
            style={{
                display: 'flex',
                alignItems: 'center',
                gap: 4,
                height: '100%',
                fontSize: typography.h5.fontSize,
            }}
        >
            <Icon name={collapsed ? 'angle-right' : 'angle-down'} />
            <span style={{ fontWeight: typography.fontWeightMedium }}>{title}</span>
            {collapsed && <span style={{ color: colors.text.secondary }}>({panels.length} panels)</span>}
        </div>
    );
}

function Graph({ panel, data, options, fieldConfig, timeRange, width, height }) {
    const theme = useTheme2();
    const frames = graphFrames(data, theme);
    const message = emptyMessage(panel.type, data, frames, fieldConfig);
    if (message) {
        return <Message text={message} />;
    }
    return (
        <TimeSeries
            frames={frames}
            preparePlotFrame={alignFrames}
            structureRev={1}
            timeRange={timeRange}
            timeZone="utc"
            legend={options.legend}
            options={options}
            width={width}
            height={height}
        />
    );
}

function States({ panel, data, options, fieldConfig, ...props }) {
    const frames = stateFrames(data, options.mergeValues, useTheme2());
    const message = emptyMessage(panel.type, data, frames, fieldConfig);
    return message ? (
        <Message text={message} />
    ) : (
        <StateTimeline frames={frames} options={options} {...props} />
    );
}

function Table({ data, options, fieldConfig, width, height }) {
    cacheFieldDisplayNames(data);
    const frame = data[options.frameIndex] ?? data[0];
    if (!frame?.fields.length) {
        return <Message text={fieldConfig.defaults.noValue ?? 'No data'} />;
    }
    return (
        <TableNG
            data={{ ...createDataFrame(frame), fields: frame.fields }}
            noHeader={!options.showHeader}
            showTypeIcons={options.showTypeIcons}
            initialSortBy={options.sortBy}
            cellHeight={options.cellHeight}
            enableVirtualization={false}
            structureRev={1}
            width={width}
            height={height}
        />
    );
}

function Text({ options }) {
    return (
        <div
            className="markdown-html"
            dangerouslySetInnerHTML={{ __html: renderMarkdown(options.content) }}
        />
    );
}

function Message({ text }) {
    const { colors, typography } = useTheme2();
    const style = { display: 'grid', placeContent: 'center', height: '100%', color: colors.text.secondary };
    return <div style={{ ...style, fontSize: typography.h5.fontSize }}>{text}</div>;
}
