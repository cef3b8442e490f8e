// Streams a binlog from its start with go-mysql: one line an event.
// usage: stream syncer|canal HOST PORT USER PASSWORD PRODUCT FILE
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
)

// A stream is at its end when nothing has come for so long.
const idle = 3 * time.Second

type server struct {
	host, user, password, product string
	port                          uint16
	start                         mysql.Position
}

func main() {
	port, _ := strconv.Atoi(os.Args[3])
	from := server{
		host: os.Args[2], port: uint16(port), user: os.Args[4], password: os.Args[5],
		product: os.Args[6], start: mysql.Position{Name: os.Args[7], Pos: 4},
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
		if err == nil {
			fmt.Println(event.Header.EventType, event.Header.LogPos, event.Header.EventSize)
		}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}
