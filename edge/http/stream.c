/* Pieces of a body on their way to the client (stream.h). */
#include <kore/kore.h>
#include <kore/http.h>

#include "http/private.h"
#include "http/stream.h"
#include "http/unread.h"

enum { FRAME_BYTES = 32 /* a chunk's length in hex, and two ends of lines */ };

/* A piece as it is sent. It outlives its request where the client leaves in the middle. */
struct stream_piece {
	struct request *request; /* NULL: gone */
	char bytes[];
};

static void send_head(struct request *r, struct http_request *req);
static int on_sent(struct netbuf *nb);

void
stream_send(struct request *r, struct str piece)
{
	struct http_request *req = r->private->transport;
	struct connection *c = req->owner;
	struct stream_piece *sent = kore_malloc(sizeof(*sent) + piece.len + FRAME_BYTES);
	bool chunked = !(req->flags & HTTP_VERSION_1_0);
	struct netbuf *nb;
	size_t length = 0;

	send_head(r, req);
	if (chunked)
		length = (size_t)snprintf(sent->bytes, FRAME_BYTES, "%zx\r\n", piece.len);
	memcpy(sent->bytes + length, piece.p, piece.len);
	length += piece.len;
	if (chunked) {
		memcpy(sent->bytes + length, "\r\n", 2);
		length += 2;
	}
	sent->request = r;
	r->private->response.piece = sent;
	net_send_stream(c, sent->bytes, length, on_sent, &nb);
	nb->extra = sent;
	if (!net_send_flush(c))
		kore_connection_disconnect(c);
}

/* Kore must neither read the next request nor close the connection before the body is complete. */
static void
send_head(struct request *r, struct http_request *req)
{
	struct response *response = &r->private->response;
	struct connection *c = req->owner;
	bool closing = c->flags & CONN_CLOSE_EMPTY;

	if (response->head_sent)
		return;
	response->head_sent = true;
	dispatch_headers(r, req);
	if (!(req->flags & HTTP_VERSION_1_0))
		http_response_header(req, "transfer-encoding", "chunked");
	req->flags |= HTTP_REQUEST_NO_CONTENT_LENGTH;
	c->flags |= CONN_IS_BUSY;
	http_response(req, HTTP_STATUS_OK, NULL, 0);
	response->closes = closing || (c->flags & CONN_CLOSE_EMPTY);
	c->flags &= ~CONN_CLOSE_EMPTY;
}

/* Sent, or dropped with the connection. */
static int
on_sent(struct netbuf *nb)
{
	struct stream_piece *sent = nb->extra;
	struct request *r = sent->request;

	kore_free(sent);
	if (r != NULL) {
		r->private->response.piece = NULL;
		r->private->response.piece_taken = true;
		if (r->private->transport->owner != NULL)
			unread_piece_taken(r->private->transport->owner);
		http_request_wakeup(r->private->transport);
	}
	return KORE_RESULT_OK;
}

bool
stream_taken(struct request *r)
{
	bool taken = r->private->response.piece_taken;

	r->private->response.piece_taken = false;
	return taken;
}

void
stream_end(struct request *r)
{
	struct response *response = &r->private->response;
	struct http_request *req = r->private->transport;
	struct connection *c = req->owner;

	send_head(r, req);
	if (!r->is_head) {
		char frame[FRAME_BYTES];
		bool chunked = !(req->flags & HTTP_VERSION_1_0);
		int length = snprintf(frame, sizeof(frame), "%zx\r\n", response->body.len);

		if (chunked && response->body.len > 0)
			net_send_queue(c, frame, (size_t)length);
		net_send_queue(c, response->body.p, response->body.len);
		if (chunked && response->body.len > 0)
			net_send_queue(c, "\r\n", 2);
		if (chunked)
			net_send_queue(c, "0\r\n\r\n", 5);
	}
	c->flags &= ~CONN_IS_BUSY;
	if (response->closes)
		c->flags |= CONN_CLOSE_EMPTY;
	else
		http_start_recv(c);
}

void
stream_forget(struct request *r)
{
	if (r->private->response.piece != NULL)
		r->private->response.piece->request = NULL;
}
