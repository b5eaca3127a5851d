package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/sojourn-auth/sojourn/internal/app"
	"github.com/sojourn-auth/sojourn/internal/config"
	"github.com/sojourn-auth/sojourn/internal/store"
)

type exportCommand struct {
	Output string `short:"o" help:"File to write, readable by its owner only. Without it, standard output." placeholder:"FILE"`
	Resume bool   `help:"Continue a file that an export left unfinished."`
}

// Run writes the whole instance. The file is never overwritten.
func (e exportCommand) Run(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	if e.Resume && e.Output == "" {
		return errors.New("--resume needs the file to continue: --output FILE")
	}
	return withApp(ctx, c, log, func(a *app.App) error {
		from, err := e.partial(ctx, a)
		if err != nil {
			return err
		}
		rows, err := a.CountExport(ctx)
		if err != nil {
			return err
		}
		p := newProgress("export", rows, false)
		var moved app.Tally
		err = writeOutput(e.Output, w, offsetOf(from), e.Resume, func(out io.Writer) (err error) {
			moved, err = a.Export(ctx, out, from, p.add)
			return err
		})
		p.done()
		if err != nil && e.Output != "" {
			return fmt.Errorf("%w (the file can be continued: --resume)", err)
		}
		return say(os.Stderr, err, "exported %d rows: %s\n", moved.Total(), moved)
	})
}

// partial finds where the file was cut off; nil to begin at its beginning.
func (e exportCommand) partial(ctx context.Context, a *app.App) (*app.PartialExport, error) {
	if !e.Resume {
		return nil, nil //nolint:nilnil // an export from the beginning
	}
	f, err := os.Open(e.Output)
	if err != nil {
		return nil, err
	}
	from, err := a.ReadPartialExport(ctx, f)
	return from, errors.Join(err, f.Close())
}

func offsetOf(from *app.PartialExport) int64 {
	if from == nil {
		return 0
	}
	return from.Offset
}

// writeOutput lets write fill a file of its own, after the bytes that are kept of it, and makes it durable; without a
// path it is standard output.
func writeOutput(path string, stdout io.Writer, kept int64, exists bool, write func(io.Writer) error) error {
	if path == "" {
		return write(stdout)
	}
	flags := os.O_WRONLY
	if !exists {
		flags |= os.O_CREATE | os.O_EXCL
	}
	f, err := os.OpenFile(path, flags, 0o600) //nolint:gosec // the operator's own path
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already and is not overwritten", path)
	}
	if err != nil {
		return err
	}
	if err = errors.Join(f.Chmod(0o600), f.Truncate(kept)); err == nil {
		_, err = f.Seek(kept, io.SeekStart)
	}
	if err == nil {
		err = write(f)
	}
	return errors.Join(err, f.Sync(), f.Close())
}

type importCommand struct {
	File string `arg:"" help:"The export; - is standard input." placeholder:"FILE"`
}

// Run makes the instance of an export in an empty database, whose schema it makes itself.
func (i importCommand) Run(ctx context.Context, c *config.Config, log *slog.Logger, w io.Writer) error {
	production(c)
	in, size, err := openInput(i.File)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	if size > 0 {
		if err := checkFile(in, size); err != nil {
			return err
		}
	}
	if _, err := c.ReadMasterKey(); err != nil {
		return err // before a database is made that nobody could use
	}
	if _, err := store.Migrate(ctx, c.Database()); err != nil {
		return err
	}
	a, err := newApp(ctx, c, log)
	if err != nil {
		return err
	}
	p := newProgress("import", size, true)
	moved, err := a.Import(ctx, p.reader(in), func(int) {})
	p.done()
	return errors.Join(say(w, err, "imported %d rows: %s\n", moved.Total(), moved), a.Store.Close())
}

// checkFile reads the whole export before any of it is written.
func checkFile(f *os.File, size int64) error {
	p := newProgress("check", size, true)
	_, err := app.CheckExport(p.reader(f))
	p.done()
	if err != nil {
		return err
	}
	_, err = f.Seek(0, io.SeekStart)
	return err
}

// openInput opens a file, or standard input for "-"; the size is -1 when it cannot be known and read twice.
func openInput(path string) (f *os.File, size int64, err error) {
	if path == "-" {
		return os.Stdin, -1, nil
	}
	if f, err = os.Open(path); err != nil { //nolint:gosec // the operator's own path
		return nil, 0, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, 0, errors.Join(err, f.Close())
	case info.IsDir():
		return nil, 0, errors.Join(fmt.Errorf("%s is a directory", path), f.Close())
	case !info.Mode().IsRegular():
		return f, -1, nil
	default:
		return f, info.Size(), nil
	}
}

// say ends a command that succeeded with one line.
func say(w io.Writer, err error, format string, args ...any) error {
	if err == nil {
		_, err = fmt.Fprintf(w, format, args...)
	}
	return err
}

const progressInterval = 100 * time.Millisecond

// progress shows on a terminal how far a command is, and nothing elsewhere.
type progress struct{ bar *progressbar.ProgressBar }

// newProgress counts to total rows or bytes; -1 when nobody knows.
func newProgress(what string, total int64, bytes bool) progress {
	info, err := os.Stderr.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return progress{progressbar.DefaultSilent(total)}
	}
	return progress{progressbar.NewOptions64(total, progressbar.OptionSetWriter(os.Stderr), progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(bytes), progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(progressInterval), progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth())}
}

func (p progress) add(rows int) { _ = p.bar.Add(rows) } // a bar that cannot be drawn stops nobody

func (p progress) done() { _ = p.bar.Finish() }

func (p progress) reader(r io.Reader) io.Reader {
	counted := progressbar.NewReader(r, p.bar)
	return &counted
}

// note prints a line above the bar.
func (p progress) note(w io.Writer, line string) {
	_ = p.bar.Clear()
	_, _ = fmt.Fprintln(w, line)
}
