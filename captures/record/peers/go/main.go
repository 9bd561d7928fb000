// A WebSocket echo server made of Go's gorilla/websocket: ADDRESS [CERTIFICATE KEY] (with them: wss)
package main

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

var (
	lock sync.Mutex
	up   = websocket.Upgrader{EnableCompression: true, CheckOrigin: func(*http.Request) bool { return true }}
)

type more map[string]any

func write(t time.Time, server, uri, do string, m more) {
	line := more{"who": "server", "program": "Go gorilla/websocket 1.5.0", "server": server, "uri": uri, "do": do}
	line["t"] = json.RawMessage(fmt.Sprintf("%d.%06d", t.Unix(), t.Nanosecond()/1000))
	for k, v := range m {
		line[k] = v
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.Encode(line)
	lock.Lock()
	defer lock.Unlock()
	f, _ := os.OpenFile(os.Getenv("WSLOG"), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o644)
	f.Write(out.Bytes())
	f.Close()
}

func payload(kind string, raw []byte) more {
	m := more{"kind": kind, "length": len(raw)}
	if len(raw) > 4096 {
		sum := sha1.Sum(raw)
		m["sha1"] = hex.EncodeToString(sum[:])
	} else if kind == "text" {
		m["text"] = string(raw)
	} else {
		m["base64"] = base64.StdEncoding.EncodeToString(raw)
	}
	return m
}

func serve(w http.ResponseWriter, r *http.Request) {
	t := time.Now()
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	server, uri := c.LocalAddr().String(), r.RequestURI
	write(t, server, uri, "open", nil)
	ping := c.PingHandler()
	c.SetPingHandler(func(s string) error {
		write(time.Now(), server, uri, "receive", payload("ping", []byte(s)))
		return ping(s)
	})
	for {
		kind, data, err := c.ReadMessage()
		t := time.Now()
		if err != nil {
			if e, ok := err.(*websocket.CloseError); ok {
				write(t, server, uri, "closed", more{"code": e.Code, "reason": e.Text})
			} else {
				write(t, server, uri, "error", more{"text": err.Error()})
			}
			c.Close()
			return
		}
		name := map[int]string{websocket.TextMessage: "text", websocket.BinaryMessage: "binary"}[kind]
		write(t, server, uri, "receive", payload(name, data))
		write(time.Now(), server, uri, "send", payload(name, data))
		c.WriteMessage(kind, data)
	}
}

func main() {
	l, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	if len(os.Args) > 3 {
		http.ServeTLS(l, http.HandlerFunc(serve), os.Args[2], os.Args[3])
		return
	}
	http.Serve(l, http.HandlerFunc(serve))
}
