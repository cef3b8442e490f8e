// Streams a binlog from its start with go-mysql: one line an event.
// usage: stream HOST PORT USER PASSWORD PRODUCT FILE
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

func main() {
	port, _ := strconv.Atoi(os.Args[2])
	syncer := replication.NewBinlogSyncer(replication.BinlogSyncerConfig{
		ServerID: 4103, Flavor: os.Args[5], Host: os.Args[1], Port: uint16(port),
		User: os.Args[3], Password: os.Args[4], MaxReconnectAttempts: 1,
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	streamer, err := syncer.StartSync(mysql.Position{Name: os.Args[6], Pos: 4})
	for err == nil {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		var event *replication.BinlogEvent
		event, err = streamer.GetEvent(ctx)
		cancel()
		if err == nil {
			fmt.Println(event.Header.EventType, event.Header.LogPos, event.Header.EventSize)
		}
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
