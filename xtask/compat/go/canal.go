package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-mysql-org/go-mysql/canal"
	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"
)

// Says what canal tells, and whether that was the last.
type handler struct {
	canal.DummyEventHandler
	from server
	told chan bool
}

func (h *handler) say(what string, header *replication.EventHeader, more ...any) error {
	fmt.Println(append([]any{what, header.LogPos, header.EventSize}, more...)...)
	h.told <- false
	return nil
}

func (h *handler) OnRow(e *canal.RowsEvent) error {
	return h.say(e.Action, e.Header, e.Table, e.Table.Columns, e.Rows)
}

func (h *handler) OnGTID(header *replication.EventHeader, e mysql.BinlogGTIDEvent) error {
	next, err := e.GTIDNext()
	return h.say("gtid", header, next, err)
}

func (h *handler) OnDDL(header *replication.EventHeader, _ mysql.Position, e *replication.QueryEvent) error {
	err := h.say("ddl", header, string(e.Query))
	h.told <- h.from.isEnd(e)
	return err
}

func (h *handler) OnXID(header *replication.EventHeader, next mysql.Position) error {
	return h.say("xid", header, next)
}

func canalled(from server, logger *slog.Logger) error {
	c, err := canal.NewCanal(&canal.Config{
		ServerID: 4104, Flavor: from.product, Addr: fmt.Sprintf("%s:%d", from.host, from.port),
		User: from.user, Password: from.password, MaxReconnectAttempts: 1, Logger: logger,
		Charset: mysql.DEFAULT_CHARSET,
	})
	if err != nil {
		return err
	}
	h := &handler{from: from, told: make(chan bool)}
	c.SetEventHandler(h)
	ended := make(chan error, 1)
	go func() { ended <- c.RunFrom(from.start) }()
	for {
		select {
		case isEnd := <-h.told:
			if isEnd {
				return nil
			}
		case err := <-ended:
			return err
		case <-time.After(idle):
			return errors.New("nothing came for too long")
		}
	}
}
