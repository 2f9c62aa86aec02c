package index

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
)

const (
	// application says in the file's header that it is ours ("Lens"), version which tables it has.
	// Another version is not converted: it is made anew from the files.
	application = 0x4c656e73
	version     = 1
)

// long is what a query for a moment may have to look back by, at most, in the index by start: what
// lasts longer is in an index of its own, and there are few of these.
const long = "3600000000000"

// schema is the statements that make the tables, one each. Times are Unix nanoseconds, by the clock
// of the camera's publisher. The camera's and the stream's numbers are unsigned; from 2^63 on they
// are negative here, and nothing compares them.
func schema() []string {
	return []string{
		`CREATE TABLE segments (
	id INTEGER PRIMARY KEY,
	path TEXT NOT NULL UNIQUE, -- of the file, relative to the recorder's folder
	camera TEXT NOT NULL,
	epoch TEXT NOT NULL,
	codec TEXT NOT NULL,
	width INTEGER NOT NULL,
	height INTEGER NOT NULL,
	first_seq INTEGER NOT NULL,
	last_seq INTEGER NOT NULL,
	first_stored INTEGER NOT NULL,
	last_stored INTEGER NOT NULL,
	start_ns INTEGER NOT NULL, -- capture time of the first frame
	end_ns INTEGER NOT NULL, -- capture time of the last frame
	until_ns INTEGER NOT NULL, -- until when the last frame stands
	duration_ns INTEGER NOT NULL,
	frames INTEGER NOT NULL,
	bytes INTEGER NOT NULL -- of the file
) STRICT`,
		// The last three are in it so that sums need no row.
		`CREATE INDEX segments_by_start ON segments (camera, start_ns, path, duration_ns, frames, bytes)`,
		`CREATE INDEX segments_long ON segments (camera, start_ns) WHERE until_ns - start_ns > ` + long,
		`CREATE INDEX segments_oldest ON segments (start_ns, path)`,
		`CREATE TABLE gaps (
	id INTEGER PRIMARY KEY,
	camera TEXT NOT NULL,
	segment INTEGER REFERENCES segments (id) ON DELETE CASCADE, -- the one that it is noted in, if any
	start_ns INTEGER NOT NULL, -- capture time of the last frame before
	until_ns INTEGER NOT NULL, -- capture time of the first frame after
	missing INTEGER NOT NULL, -- frames; 0: not known
	reason TEXT NOT NULL,
	UNIQUE (camera, start_ns, until_ns)
) STRICT`,
		`CREATE INDEX gaps_of_segment ON gaps (segment)`,
		`CREATE INDEX gaps_long ON gaps (camera, start_ns) WHERE until_ns - start_ns > ` + long,
	}
}

// prepare looks whether db is an index that can be used, and makes the tables of an empty one.
func prepare(ctx context.Context, db *sql.DB) error {
	number := func(query string) (n int64, err error) {
		err = db.QueryRowContext(ctx, query).Scan(&n)
		return n, err
	}
	id, err := number(`PRAGMA application_id`)
	if err != nil {
		return err
	}
	made, err := number(`PRAGMA user_version`)
	if err != nil {
		return err
	}
	tables, err := number(`SELECT count(*) FROM sqlite_schema`)
	if err != nil {
		return err
	}
	switch {
	case id == 0 && made == 0 && tables == 0:
		err = create(ctx, db)
	case id != application:
		return fmt.Errorf("%w: it is the database of another program", ErrUnusable)
	case made != version:
		return fmt.Errorf("%w: it is of version %d, this program's is %d", ErrUnusable, made, version)
	default:
		err = check(ctx, db)
	}
	if err != nil {
		return err
	}
	// Kept in the file. Only now, so that somebody else's database stays as it is.
	var mode string
	if err := db.QueryRowContext(ctx, `PRAGMA journal_mode = WAL`).Scan(&mode); err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("the file system gives no write-ahead log (journal mode %s): use a local one", mode)
	}
	_, err = db.ExecContext(ctx, tableAgain)
	return err
}

// create makes the tables in one change, so that an index is there as a whole or not at all.
func create(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, statement := range append(schema(),
		fmt.Sprintf(`PRAGMA application_id = %d`, application),
		fmt.Sprintf(`PRAGMA user_version = %d`, version),
	) {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// check finds a damaged file, and one that somebody has changed the tables of.
func check(ctx context.Context, db *sql.DB) error {
	var verdict string
	if err := db.QueryRowContext(ctx, `PRAGMA quick_check(1)`).Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return fmt.Errorf("%w: it is damaged: %s", ErrUnusable, verdict)
	}
	rows, err := db.QueryContext(ctx, `SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL`)
	if err != nil {
		return err
	}
	there, err := collect(rows, func(scan func(...any) error) (statement string, err error) {
		err = scan(&statement)
		return statement, err
	})
	if err != nil {
		return err
	}
	for _, statement := range schema() {
		if !slices.Contains(there, statement) {
			return fmt.Errorf("%w: its tables are not as they were made", ErrUnusable)
		}
	}
	return nil
}
