// Streams a binlog from its start with go-mysql: one line an event, with all that it holds.
// usage: stream syncer|canal HOST PORT USER PASSWORD PRODUCT FILE END
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
)

// Longer than that nothing ever takes.
const idle = 20 * time.Second

type server struct {
	host, user, password, product string
	port                          uint16
	start                         mysql.Position
	// What the last statement holds.
	end string
}

func main() {
	port, _ := strconv.Atoi(os.Args[3])
	from := server{
		host: os.Args[2], port: uint16(port), user: os.Args[4], password: os.Args[5],
		product: os.Args[6], start: mysql.Position{Name: os.Args[7], Pos: 4}, end: os.Args[8],
	}
	stream := syncer
	if os.Args[1] == "canal" {
		stream = canalled
	}
	if err := stream(from, slog.New(slog.NewTextHandler(io.Discard, nil))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func syncer(from server, logger *slog.Logger) error {
	syncer := replication.NewBinlogSyncer(replication.BinlogSyncerConfig{
		ServerID: 4103, Flavor: from.product, Host: from.host, Port: from.port,
		User: from.user, Password: from.password, MaxReconnectAttempts: 1, Logger: logger,
	})
	streamer, err := syncer.StartSync(from.start)
	for err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), idle)
		var event *replication.BinlogEvent
		event, err = streamer.GetEvent(ctx)
		cancel()
		if err != nil {
			break
		}
		var content bytes.Buffer
		event.Dump(&content)
		fmt.Println(strings.ReplaceAll(content.String(), "\n", "; "))
		if query, is := event.Event.(*replication.QueryEvent); is && from.isEnd(query) {
			return nil
		}
	}
	return err
}

func (from *server) isEnd(query *replication.QueryEvent) bool {
	return strings.Contains(string(query.Query), from.end)
}
