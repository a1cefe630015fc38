package main

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"relaywatch/store"
)

// Rows that are in memory at once: some megabytes. A reader skips row groups by what
// their columns hold at least and at most, so they are not too large.
const (
	parquetGroup = 50_000
	parquetBatch = 256
)

// parquetTypes are Go's and Parquet's of a column. All are optional: NULL is what a
// log does not tell.
var parquetTypes = map[store.Kind]struct {
	example any
	tags    string
}{
	store.Text:    {"", ",optional,dict,zstd"},
	store.Integer: {int64(0), ",optional,zstd"},
	store.Real:    {float64(0), ",optional,zstd"},
	store.Time:    {int64(0), ",optional,delta,timestamp(millisecond),zstd"},
}

// parquetWriter writes the rows of a view.
type parquetWriter struct {
	view *store.View
	to   *parquet.GenericWriter[any]
	rows []parquet.Row
}

// newParquetWriter makes the schema from a struct type: a parquet.Group would put the
// columns in the order of the alphabet.
func newParquetWriter(w io.Writer, view *store.View) *parquetWriter {
	fields := make([]reflect.StructField, len(view.Columns))
	for i, c := range view.Columns {
		t := parquetTypes[c.Kind]
		fields[i] = reflect.StructField{
			Name: fmt.Sprintf("Column%d", i), Type: reflect.TypeOf(t.example),
			Tag: reflect.StructTag(fmt.Sprintf("parquet:%q", c.Name+t.tags)),
		}
	}
	schema := parquet.NewSchema(view.Name, parquet.SchemaOf(reflect.New(reflect.StructOf(fields)).Interface()))
	return &parquetWriter{view: view, to: parquet.NewGenericWriter[any](w, schema, parquet.MaxRowsPerRowGroup(parquetGroup),
		parquet.CreatedBy("relaywatch", version(), ""))}
}

func (p *parquetWriter) row(values []any) error {
	row := make(parquet.Row, len(values))
	for i, value := range values {
		v, err := parquetValue(p.view.Columns[i].Kind, value)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", p.view.Name, p.view.Columns[i].Name, err)
		}
		defined := 1
		if v.IsNull() {
			defined = 0
		}
		row[i] = v.Level(0, defined, i)
	}
	if p.rows = append(p.rows, row); len(p.rows) < parquetBatch {
		return nil
	}
	return p.flush()
}

func (p *parquetWriter) flush() error {
	_, err := p.to.WriteRows(p.rows)
	p.rows = p.rows[:0]
	return err
}

// close writes what waits, and the end of the file, which has the places of all groups.
func (p *parquetWriter) close() error {
	if err := p.flush(); err != nil {
		return err
	}
	return p.to.Close()
}

func parquetValue(kind store.Kind, value any) (parquet.Value, error) {
	if b, ok := value.([]byte); ok {
		value = string(b)
	}
	switch v := value.(type) {
	case nil:
		return parquet.NullValue(), nil
	case string:
		switch kind {
		case store.Text:
			// A stranger's text may be no UTF-8, which a Parquet string must be.
			return parquet.ByteArrayValue([]byte(strings.ToValidUTF8(v, "\uFFFD"))), nil
		case store.Time:
			t, err := time.Parse(time.RFC3339, v)
			return parquet.Int64Value(t.UnixMilli()), err
		}
	case int64:
		switch kind {
		case store.Integer:
			return parquet.Int64Value(v), nil
		case store.Real:
			return parquet.DoubleValue(float64(v)), nil
		}
	case float64:
		if kind == store.Real {
			return parquet.DoubleValue(v), nil
		}
	}
	return parquet.Value{}, fmt.Errorf("a value is %T, which its column is not made for", value)
}
