import { cut, pad, type Style, widthOf } from "./text.ts";

/** One column of a table. */
export interface Column<Row> {
  readonly title: string;
  /** What stands in the cell; escaped, without colours. */
  readonly cell: (row: Row) => string;
  /** The same in fewer letters, where cutting other cells does not make enough room. */
  readonly brief?: (row: Row) => string;
  readonly align?: "left" | "right";
  /** Paints a cell that was laid out. */
  readonly paint?: (text: string, row: Row) => string;
  /** May be cut to this width where the terminal is narrow; a column without it never is. */
  readonly minWidth?: number;
  /** Left out first where the terminal is too narrow: the highest number goes first. Without it a column stays. */
  readonly dropOrder?: number;
}

const GAP = "  ";

/** A table as lines: titles, a rule, and a line for each row. Columns without anything in them are left out. */
export function tableLines<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  style: Style,
  maxWidth: number,
): string[] {
  const sized = (column: Column<Row>, cells: readonly string[]): Sized<Row> => {
    const widths = cells.map(widthOf);
    const width = widths.reduce((most, width) => Math.max(most, width), widthOf(column.title));
    return { column, cells, widths, width };
  };
  const filled = columns
    .map((column) => sized(column, rows.map(column.cell)))
    .filter(({ column, cells }) => column.dropOrder === undefined || cells.some((cell) => cell !== ""));
  const shortened = excessOf(filled, maxWidth) <= spareIn(filled)
    ? filled
    : filled.map((full) => full.column.brief === undefined ? full : sized(full.column, rows.map(full.column.brief)));
  const laidOut = fit(shortened, maxWidth);
  const line = (texts: readonly string[]) => texts.join(GAP).trimEnd();
  const titles = laidOut.map(({ column, width }) => style.bold(pad(column.title, width, column.align)));
  const rules = laidOut.map(({ width }) => style.dim("─".repeat(width)));
  const body = rows.map((row, at) =>
    line(laidOut.map(({ column, cells, widths, width }) => {
      const text = widths[at]! > width
        ? pad(cut(cells[at]!, width), width, column.align)
        : filledUp(cells[at]!, width - widths[at]!, column.align);
      return column.paint === undefined ? text : column.paint(text, row);
    }))
  );
  return [line(titles), line(rules), ...body];
}

function filledUp(text: string, places: number, align: "left" | "right" = "left"): string {
  return align === "left" ? text + " ".repeat(places) : " ".repeat(places) + text;
}

interface Sized<Row> {
  readonly column: Column<Row>;
  readonly cells: readonly string[];
  /** How many places each cell takes, and how many there are for the column. */
  readonly widths: readonly number[];
  readonly width: number;
}

/** Narrows columns, and then leaves some out, until the rest fits. */
function fit<Row>(columns: readonly Sized<Row>[], maxWidth: number): readonly Sized<Row>[] {
  let kept = columns;
  for (;;) {
    const excess = excessOf(kept, maxWidth);
    const spare = spareIn(kept);
    if (excess <= 0) return kept;
    if (excess <= spare) return narrow(kept, excess);
    const [victim] = kept.filter(({ column }) => column.dropOrder !== undefined).sort(byDropOrder);
    if (victim === undefined) return narrow(kept, spare);
    kept = kept.filter((sized) => sized !== victim);
  }
}

/** By how much the columns are too wide. */
function excessOf<Row>(columns: readonly Sized<Row>[], maxWidth: number): number {
  return columns.reduce((sum, { width }) => sum + width + GAP.length, -GAP.length) - maxWidth;
}

function byDropOrder<Row>(a: Sized<Row>, b: Sized<Row>): number {
  return b.column.dropOrder! - a.column.dropOrder!;
}

/** Takes `excess` away from the columns that may be cut, from the widest first. */
function narrow<Row>(columns: readonly Sized<Row>[], excess: number): readonly Sized<Row>[] {
  const narrowed = columns.map((sized) => ({ ...sized }));
  for (let left = excess; left > 0; left--) {
    const widest = narrowed.filter((sized) => spareOf(sized) > 0).sort((a, b) => b.width - a.width)[0];
    if (widest === undefined) break;
    widest.width--;
  }
  return narrowed;
}

/** By how much they could be narrower all together. */
function spareIn<Row>(columns: readonly Sized<Row>[]): number {
  return columns.reduce((sum, sized) => sum + spareOf(sized), 0);
}

function spareOf<Row>({ column, width }: Sized<Row>): number {
  return column.minWidth === undefined ? 0 : Math.max(0, width - column.minWidth);
}
