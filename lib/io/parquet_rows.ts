import { ByteWriter, type ColumnSource, ParquetWriter, schemaFromColumnData } from "hyparquet-writer";
import type { FrameNames, FrameWriter, Rows } from "./frame_writer.ts";
import { type Frame, frameMetadata, indexFieldOf, refuseOtherSizes } from "./parquet_frame.ts";

/** Rows as they come, a row group each time: what one `encodeParquetFrame` would write where they come at once. */
export function parquetWriter(rows: Rows, { indexName, columns }: FrameNames): FrameWriter {
  const buffer = new ByteWriter(), header = { ...(indexName && { indexName }), columns };
  const none = { data: new Float32Array(0), rows: 0, columns: columns.length };
  const parquet = new ParquetWriter({
    writer: buffer,
    schema: schemaFromColumnData({ columnData: frameColumns({ ...header, index: [], values: none }) }),
    codec: "UNCOMPRESSED",
    statistics: false,
    kvMetadata: [frameMetadata(header)],
  });
  /** `offset` counts on: places in the footer are those of the file. */
  const flush = async () => {
    await rows.file.write(buffer.getBytes());
    buffer.index = 0;
  };
  return {
    async append(values) {
      if (values.rows === 0) return;
      const index = [...rows.take(values)];
      const columnData = frameColumns({ ...header, index, values });
      await parquet.write({ columnData, rowGroupSize: values.rows });
      await flush();
    },
    async commit() {
      await parquet.finish();
      await flush();
      await rows.commit();
    },
    [Symbol.asyncDispose]: () => rows[Symbol.asyncDispose](),
  };
}

/**
 * The columns of some rows of a frame, its index last.
 *
 * @throws {RangeError} when sizes disagree or a column name comes twice
 */
function frameColumns(
  { index, indexName, columns, values }: Omit<Frame, "columns"> & { readonly columns: readonly string[] },
): ColumnSource[] {
  refuseOtherSizes({ index, columns, values });
  const columnData: ColumnSource[] = columns.map((name, column) => {
    const data = new Float32Array(index.length);
    for (let row = 0; row < data.length; row++) data[row] = values.data[row * columns.length + column];
    return { name, data, type: "FLOAT", nullable: false, encoding: "PLAIN", offsetIndex: false };
  });
  const name = indexFieldOf({ indexName, columns });
  return [...columnData, { name, data: index, type: "STRING", nullable: false, offsetIndex: false }];
}
